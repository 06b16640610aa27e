// The widgets' places: CloudWatch's 24 columns, with heights that follow the content.
//
// CloudWatch fixes each widget's height. Here the page is cut between widgets, across and then down, again and again.
// Each part is as high as what it shows, so a short answer leaves no empty box.

import { element } from "./elements.js";

const ACROSS = { at: "y", size: "height" };
const DOWN = { at: "x", size: "width" };
const DEFAULT = { x: 0, y: 0, width: 6, height: 6 };

// Return an element with every frame of `placed`, a list of {frame, widget}, in reading order.
export function arrange(placed) {
  const each = placed.map(({ frame, widget }) => ({ frame, ...DEFAULT, ...numbers(widget) }));
  return cut(each, ACROSS) ?? stack(each.map((one) => one.frame));
}

const numbers = ({ x, y, width, height }) =>
  Object.fromEntries(Object.entries({ x, y, width, height }).filter(([, value]) => Number.isInteger(value) && value >= 0));

function cut(placed, way) {
  if (placed.length === 1) return placed[0].frame;
  const parts = partsOf(placed, way);
  const other = way === ACROSS ? DOWN : ACROSS;
  if (parts.length === 1) {
    const crossed = partsOf(placed, other);
    // Widgets that no cut divides overlap, or lie like the sails of a windmill.
    if (crossed.length === 1) return stack(inOrder(placed).map((one) => one.frame));
    return join(crossed, other, way);
  }
  return join(parts, way, other);
}

function join(parts, way, other) {
  const inside = parts.map((part) => cut(part, other));
  if (way === ACROSS) return stack(inside);
  const widths = parts.map((part) => Math.max(...part.map((one) => one.x + one.width)) - Math.min(...part.map((one) => one.x)));
  const columns = element("div", { class: "columns" }, ...inside);
  columns.style.gridTemplateColumns = widths.map((width) => `minmax(0, ${width}fr)`).join(" ");
  return columns;
}

const stack = (frames) => element("div", { class: "stack" }, ...frames);

const inOrder = (placed) => [...placed].sort((one, two) => one.y - two.y || one.x - two.x);

// Return the groups of widgets between which a straight line can be drawn.
function partsOf(placed, { at, size }) {
  const sorted = inOrder(placed).sort((one, two) => one[at] - two[at]);
  const parts = [];
  let end = 0;
  for (const one of sorted) {
    if (!parts.length || one[at] >= end) parts.push([]);
    parts.at(-1).push(one);
    end = Math.max(end, one[at] + one[size]);
  }
  return parts;
}
