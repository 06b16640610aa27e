// Alarm widgets: a word, a shape and a colour show each alarm's state.

import { element, svgElement } from "./elements.js";

const STATES = {
  ALARM: { word: "In alarm", look: "in-alarm", shape: "M8 1 15 14H1Z" },
  INSUFFICIENT_DATA: { word: "Too little data", shape: "M8 1 15 8 8 15 1 8Z" },
  OK: { word: "OK", look: "ok", shape: "M8 1a7 7 0 1 0 .01 0Z" },
};
const ORDER = Object.keys(STATES);

export function alarms(found) {
  if (!found.length) return [element("p", { class: "empty" }, "There are no alarms here yet.")];
  const sorted = [...found].sort(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.name.localeCompare(b.name)
  );
  return [element("ul", { class: "alarms" }, ...sorted.map(one))];
}

function one({ name, state, reason, description, since }) {
  const { word, look = "", shape } = STATES[state] ?? { ...STATES.INSUFFICIENT_DATA, word: state };
  const sign = svgElement("svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" }, svgElement("path", { d: shape }));
  const when = since ? ` since ${new Date(since * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC` : "";
  return element(
    "li",
    { class: `alarm ${look}` },
    element("strong", {}, sign, ` ${word} `),
    element("span", { class: "name" }, name),
    element("span", { class: "why" }, [description, state === "OK" ? "" : reason].filter(Boolean).join(" — ") + when)
  );
}
