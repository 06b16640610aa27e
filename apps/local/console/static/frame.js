// A widget's frame: its title, its age, its button to enlarge it, and the body that it fills. layout.js places it.

import { element } from "./elements.js";

let count = 0;

// Return {frame, body, note, age, title, id}: the section for the page, and the parts that a widget fills.
export function frame(widget) {
  const id = `widget-${(count += 1)}`;
  const title = widget.properties?.title || { alarm: "Alarms", metric: "Metrics", text: "" }[widget.type] || "";
  const heading = element("h2", { id: `${id}-title` }, title);
  const body = element("div", { class: "body", tabindex: "-1", role: "group", "aria-label": title || "Text" });
  const larger = element("button", { type: "button", class: "larger", "aria-pressed": "false" }, "Enlarge");
  larger.setAttribute("aria-describedby", heading.id);
  const note = element("p", { class: "note", hidden: true });
  const age = element("span", { class: "age" });
  const bar = title ? element("div", { class: "bar" }, heading, age, larger) : null;
  const made = element("section", { class: `widget ${kind(widget)}`, id }, bar, note, body);
  if (title) made.setAttribute("aria-labelledby", heading.id);
  larger.addEventListener("click", () => enlarge(made, larger, !made.classList.contains("enlarged")));
  made.addEventListener("keydown", (event) => {
    if (event.key === "Escape") enlarge(made, larger, false);
  });
  return { frame: made, body, note, age, title, id };
}

const kind = (widget) => (/^[a-z]+$/.test(widget.type) ? widget.type : "unknown");

function enlarge(made, button, on) {
  for (const other of document.querySelectorAll(".widget.enlarged")) {
    if (other !== made) enlarge(other, other.querySelector(".larger"), false);
  }
  if (made.classList.toggle("enlarged", on) === on) button.setAttribute("aria-pressed", String(on));
  button.textContent = on ? "Make smaller" : "Enlarge";
  document.body.classList.toggle("one-enlarged", on);
}
