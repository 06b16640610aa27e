// What a person has put into a widget's fields, as widgetContext.forms has it.

const FIELDS = "input, select, textarea";

export function gather(...roots) {
  const all = {};
  for (const field of roots.flatMap((root) => (root ? [...root.querySelectorAll(FIELDS)] : []))) {
    if (!field.name || ["button", "submit", "reset"].includes(field.type)) continue;
    if (["checkbox", "radio"].includes(field.type) && !field.checked) continue;
    all[field.name] = field.multiple ? [...field.selectedOptions].map((each) => each.value) : field.value;
  }
  return { all };
}

// Whether somebody is in the middle of something there: a field has the focus, or holds words that were not sent.
export function busy(root) {
  return Boolean(root.activeElement?.matches(FIELDS)) || [...root.querySelectorAll("input, textarea")].some(typed);
}

function typed(field) {
  if (["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
  return field.value !== field.defaultValue;
}
