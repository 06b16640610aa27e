// The place for a widget's answer: a shadow tree, so that the widget's styles stay in it. When the content changes, the
// open details and the focus are restored.

import { sanitize } from "./sanitize.js";
import { markdown } from "./markdown.js";
import { element } from "./elements.js";

let baseStyles = null;

// Call this once, before any content is shown.
export async function loadStyles() {
  const response = await fetch("/widget.css");
  baseStyles = new CSSStyleSheet();
  baseStyles.replaceSync(await response.text());
}

// `ready` is called each time that the content changes, before the focus is restored.
export class Content {
  constructor(ready) {
    this.ready = ready;
    this.host = element("div", { class: "content" });
    this.root = this.host.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [baseStyles];
    // A widget's form is never submitted; only buttons with an action do something.
    this.root.addEventListener("submit", (event) => event.preventDefault());
    this.root.addEventListener("click", (event) => within(this.root, event));
    this.answerText = null;
  }

  // Show a Lambda's answer: a string is HTML, {markdown} is Markdown, anything else is shown as JSON.
  answer(answer) {
    const text = JSON.stringify(answer);
    if (text === this.answerText) return;
    if (typeof answer === "string") {
      const { content, sheets } = sanitize(answer);
      this.show([content], sheets);
    } else if (typeof answer?.markdown === "string") this.show(markdown(answer.markdown));
    else this.show([element("pre", {}, JSON.stringify(answer, null, 2))]);
    this.answerText = text;
  }

  show(nodes, sheets = []) {
    const before = picture(this.root);
    this.root.adoptedStyleSheets = [baseStyles, ...sheets];
    this.root.replaceChildren(...nodes);
    this.answerText = null;
    this.ready();
    restore(this.root, before);
  }

  problem(message) {
    this.show([element("p", { class: "problem" }, message)]);
  }
}

// A link to an id in a shadow tree does not work by itself, so it is followed here.
function within(root, event) {
  const link = event.target.closest?.("a[href^='#']");
  if (!link) return;
  event.preventDefault();
  const target = root.getElementById(link.getAttribute("href").slice(1));
  target?.scrollIntoView({ block: "nearest" });
}

const CONTROLS = "a, button, input, select, textarea, summary, [tabindex]";
const name = (control) => `${control.localName} ${control.name ?? ""} ${control.localName === "select" ? "" : control.textContent}`;

function picture(root) {
  const controls = [...root.querySelectorAll(CONTROLS)];
  const focused = controls.indexOf(root.activeElement);
  return {
    open: [...root.querySelectorAll("details")].map((each) => [name(each.firstElementChild ?? each), each.open]),
    at: focused,
    focused: focused < 0 ? null : name(controls[focused]),
  };
}

function restore(root, before) {
  const open = new Map(before.open);
  for (const each of root.querySelectorAll("details")) each.open = open.get(name(each.firstElementChild ?? each)) ?? each.open;
  if (before.focused === null) return;
  const same = [...root.querySelectorAll(CONTROLS)].filter((each) => name(each) === before.focused);
  const controls = [...root.querySelectorAll(CONTROLS)];
  const again = same.includes(controls[before.at]) ? controls[before.at] : same[0];
  (again ?? root.host.parentElement)?.focus({ preventScroll: true });
}
