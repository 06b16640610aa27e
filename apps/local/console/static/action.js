// <cwdb-action>: an element of a widget's answer that gives the element before it an action.
//
// The action `html` shows its content. The action `call` calls a Lambda with its content as JSON. The result appears in
// the widget or in a pop-up, after a confirmation if the action has one. The actions themselves are not shown.

const KEYS = { click: ["Enter", " "], dblclick: ["Enter"] };
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

// `perform(action, element)` is called each time that a person triggers the action.
export function wire(root, perform) {
  // An action inside another one is wired when the outer one's content is shown.
  const outer = [...root.querySelectorAll("cwdb-action")].filter((each) => !each.parentElement?.closest("cwdb-action"));
  for (const found of outer) {
    const target = found.previousElementSibling;
    const action = read(found);
    found.remove();
    if (target) listen(target, action, perform);
  }
}

function read(found) {
  const content = document.createDocumentFragment();
  content.append(...found.childNodes);
  return {
    call: found.getAttribute("action") === "call",
    inWidget: found.getAttribute("display") === "widget",
    event: ["click", "dblclick", "mouseenter"].find((each) => each === found.getAttribute("event")) ?? "click",
    endpoint: found.getAttribute("endpoint") ?? "",
    confirmation: found.getAttribute("confirmation") ?? "",
    content,
  };
}

// Return the parameters of a call: the JSON object between its tags, or none.
export function parameters(action) {
  const text = action.content.textContent.trim();
  if (!text) return {};
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    found = null;
  }
  if (found === null || typeof found !== "object" || Array.isArray(found)) {
    throw new Error("expected a JSON object in the widget's button; this is a fault of the widget");
  }
  return found;
}

function listen(target, action, perform) {
  const act = (event) => {
    event.preventDefault();
    if (target.getAttribute("aria-disabled") !== "true") perform(action, target);
  };
  target.addEventListener(action.event, act);
  if (action.event === "mouseenter") target.addEventListener("focus", act);
  if (target.matches(FOCUSABLE) && !(action.event === "dblclick" && target.matches("button, summary"))) return;
  // Any other element becomes a button, for the keyboard too.
  if (!target.matches(FOCUSABLE)) {
    target.tabIndex = 0;
    if (!target.hasAttribute("role")) target.setAttribute("role", "button");
  }
  target.addEventListener("keydown", (event) => {
    if (event.target === target && KEYS[action.event]?.includes(event.key)) act(event);
  });
}
