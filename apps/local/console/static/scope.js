// What the page shows: all services, or those that its address names, such as /?service=hello&environment=production.
//
// The address is the only record of it: a link opens the same view, and Back goes to the view before.

const NAMES = ["service", "environment", "deployment"];

// Return the scope of the address; names without a value are left out.
export function scope() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, given.get(name)?.trim()]).filter(([, value]) => value));
}

// Show another scope, and remember it in the browser's history.
export function choose(chosen) {
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value)).toString();
  history.pushState(null, "", query ? `?${query}` : location.pathname);
}

// Wire the form of the header: `changed` is called when somebody chooses another scope or goes back.
export function wireScope(form, changed) {
  const fields = form.elements;
  const show = () => {
    const now = scope();
    for (const name of NAMES) fields[name].value = now[name] ?? "";
    fields.all.hidden = !Object.keys(now).length;
  };
  const apply = (chosen) => {
    choose(chosen);
    show();
    changed();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply(Object.fromEntries(NAMES.map((name) => [name, fields[name].value.trim()])));
  });
  fields.all.addEventListener("click", () => apply({}));
  // A deployment belongs to one cluster.
  fields.service.addEventListener("input", () => (fields.deployment.value = ""));
  addEventListener("popstate", () => {
    show();
    changed();
  });
  show();
}
