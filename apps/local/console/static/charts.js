// Metric widgets: lines over time, or the last value of each. A drawing has a description in words too.

import { element, svgElement } from "./elements.js";

const EDGE = { top: 10, bottom: 22, side: 46 };
const COLOURS = 8;
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];

const number = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4, notation: "compact" });
const shown = (value) => (value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : number.format(value));
const clock = (seconds, withDay) =>
  new Date(seconds * 1000).toLocaleString(undefined, {
    ...(withDay ? { month: "short", day: "numeric" } : {}),
    hour: "2-digit",
    minute: "2-digit",
    timeZone: "UTC",
  });

// Return a metric widget's content: `found` is the server's answer, `start` and `end` are in seconds.
export function chart(found, properties, { start, end }, size) {
  const lines = found.lines.filter((each) => each.times.length);
  const problems = found.problems.map((each) => element("p", { class: "problem" }, each));
  if (!lines.length) return [...problems, element("p", { class: "empty" }, "Nothing was measured in this time.")];
  if (properties.view === "singleValue") return [...problems, values(lines)];
  const height = Math.max(90, size.height - 26 * Math.min(3, lines.length) - 8);
  return [...problems, drawing(lines, properties, start, end, Math.max(240, size.width), height), legend(lines)];
}

function values(lines) {
  const pairs = lines.map((line) =>
    element("div", {}, element("dt", {}, line.label), element("dd", {}, shown(line.values.at(-1))))
  );
  return element("dl", { class: "values" }, ...pairs);
}

function drawing(lines, properties, start, end, width, height) {
  const right = lines.some((line) => line.right);
  const box = { left: EDGE.side, right: width - (right ? EDGE.side : 12), top: EDGE.top, bottom: height - EDGE.bottom };
  const x = (time) => box.left + ((time - start) / (end - start)) * (box.right - box.left);
  const limits = properties.annotations?.horizontal?.filter((each) => Number.isFinite(each.value)) ?? [];
  const scales = [false, true].map((side) => {
    const mine = lines.filter((line) => line.right === side).flatMap((line) => line.values);
    const extra = limits.filter((each) => (each.yAxis === "right") === side).map((each) => each.value);
    return scale([...mine, ...extra], properties.yAxis?.[side ? "right" : "left"], box);
  });
  // A label is never cut: the margin is as wide as the longest one.
  const margin = ({ ticks }) => Math.max(EDGE.side, 12 + 7 * Math.max(...ticks.map((tick) => shown(tick).length)));
  box.left = margin(scales[0]);
  if (right) box.right = width - margin(scales[1]);
  const words = `${lines.map(summary).join("; ")}. From ${clock(start, true)} to ${clock(end, true)} UTC.`;
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": words });
  svg.append(...grid(scales[0], box, "left"), ...(right ? grid(scales[1], box, "right") : []));
  svg.append(...hours(start, end, x, box, width));
  for (const each of limits) svg.append(...limit(each, scales[each.yAxis === "right" ? 1 : 0], box));
  lines.forEach((line, at) => svg.append(path(line, at, x, scales[line.right ? 1 : 0].y)));
  return svg;
}

const summary = (line) =>
  `${line.label}, ${line.stat} every ${line.period} s: last ${shown(line.values.at(-1))}, ` +
  `lowest ${shown(Math.min(...line.values))}, highest ${shown(Math.max(...line.values))}`;

// Return a scale from 0, or from the least value below 0, to the next round number; `ticks` are round numbers.
function scale(found, axis, box) {
  const low = axis?.min ?? Math.min(0, ...found);
  const high = axis?.max ?? Math.max(...found, low);
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
  const bottom = Math.floor(low / step + 1e-9) * step;
  const top = Math.max(bottom + step, Math.ceil(high / step - 1e-9) * step);
  const ticks = [];
  for (let at = 0; bottom + at * step <= top + step / 2; at += 1) ticks.push(bottom + at * step);
  const y = (value) => box.bottom - ((value - bottom) / (top - bottom)) * (box.bottom - box.top);
  return { ticks, y };
}

const grid = ({ ticks, y }, box, side) =>
  ticks.flatMap((tick) => [
    svgElement("line", { class: "grid", x1: box.left, x2: box.right, y1: y(tick), y2: y(tick) }),
    svgElement(
      "text",
      side === "left"
        ? { x: box.left - 6, y: y(tick) + 4, "text-anchor": "end" }
        : { x: box.right + 6, y: y(tick) + 4, "text-anchor": "start" },
      shown(tick)
    ),
  ]);

function hours(start, end, x, box, width) {
  const count = Math.max(2, Math.min(6, Math.floor(width / 130)));
  const withDay = end - start > 86_400;
  return Array.from({ length: count }, (_, at) => {
    const time = start + ((end - start) * (at + 0.5)) / count;
    return svgElement("text", { x: x(time), y: box.bottom + 16, "text-anchor": "middle" }, clock(time, withDay) + (at ? "" : " UTC"));
  });
}

const limit = (each, { y }, box) => [
  svgElement("line", { class: "limit", x1: box.left, x2: box.right, y1: y(each.value), y2: y(each.value) }),
  svgElement("text", { class: "limit", x: box.left + 4, y: y(each.value) - 4 }, each.label ?? shown(each.value)),
];

// A line has a gap where values are missing; a single value between two gaps is a dot.
function path(line, at, x, y) {
  const gap = 2.5 * line.period;
  let d = "";
  line.times.forEach((time, index) => {
    const far = index === 0 || time - line.times[index - 1] > gap;
    const alone = far && !(line.times[index + 1] - time <= gap);
    d += `${far ? "M" : "L"}${x(time).toFixed(1)} ${y(line.values[index]).toFixed(1)}${alone ? "h0.01" : ""}`;
  });
  return svgElement("path", { d, class: `line line-${at % COLOURS}`, "stroke-dasharray": dash(at) });
}

const dash = (at) => DASHES[Math.floor(at / COLOURS) % DASHES.length];

function legend(lines) {
  return element(
    "ul",
    { class: "legend" },
    ...lines.map((line, at) => {
      const stroke = svgElement("path", { d: "M1 6H21", class: `line line-${at % COLOURS}`, "stroke-dasharray": dash(at) });
      const sample = svgElement("svg", { width: 22, height: 12, "aria-hidden": "true" }, stroke);
      const last = element("b", {}, shown(line.values.at(-1)));
      return element("li", { title: `${line.stat}, every ${line.period} s` }, sample, ` ${line.label} `, last);
    })
  );
}
