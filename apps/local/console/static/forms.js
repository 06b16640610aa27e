// Reads the fields of a widget in the form of widgetContext.forms.

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

// Return true if a field has the focus, or holds input that was not sent.
export function busy(root) {
  return Boolean(root.activeElement?.matches(FIELDS)) || [...root.querySelectorAll("input, textarea")].some(typed);
}

function typed(field) {
  if (["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
  return field.value !== field.defaultValue;
}
