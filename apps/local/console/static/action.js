// <cwdb-action>: an element of a widget's answer that makes the element before it do something.
//
// `html` shows what stands in the action, `call` calls a Lambda with the JSON that stands there; in the widget or in a
// pop-up, after a confirmation if one is asked for. The actions themselves are taken out of what is shown.

const KEYS = { click: ["Enter", " "], dblclick: ["Enter"] };
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

// `perform(action, element)` is called each time that somebody acts.
export function wire(root, perform) {
  // Those inside another action are wired when that one's content is shown.
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

// The parameters of a call: the JSON object between its tags, or none.
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
    throw new Error("the widget's button carries no JSON object; this is a fault of the widget");
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
  // What is no control of its own becomes one, for the keyboard too.
  if (!target.matches(FOCUSABLE)) {
    target.tabIndex = 0;
    if (!target.hasAttribute("role")) target.setAttribute("role", "button");
  }
  target.addEventListener("keydown", (event) => {
    if (event.target === target && KEYS[action.event]?.includes(event.key)) act(event);
  });
}
