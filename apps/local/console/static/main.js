// The page: reads the dashboard, builds its widgets, and has them drawn when something changed.
//
// Nothing is refreshed by itself while a dialog is open or the page is hidden; a widget in which somebody writes waits.

import { call } from "./api.js";
import { loadStyles } from "./content.js";
import { isOpen } from "./dialog.js";
import { element } from "./elements.js";
import { build } from "./widget_types.js";
import { RANGES } from "./time.js";
import { REFRESH, THEMES, onSystemTheme, remember, remembered, themeOf } from "./preferences.js";

const LOOK_SECONDS = 5;
const IDLE_SECONDS = 60;

const main = document.querySelector("main");
const controls = document.querySelector("#controls").elements;
const status = document.querySelector("#status");

const page = {
  dashboard: { widgets: [] },
  view: remembered(),
  widgets: [],
  refreshedAt: 0,
  lookedAt: 0,
  ran: false,

  get theme() {
    return themeOf(this.view.theme);
  },

  say(text) {
    if (status.textContent !== text) status.textContent = text;
  },

  // Something was done: everything is looked up again, but for the widget that shows the answer.
  changed(except, acted = null) {
    refresh({ except, acted });
  },
};

async function read() {
  const found = await call("dashboard");
  if (JSON.stringify(found) === JSON.stringify(page.dashboard)) return;
  page.dashboard = found;
  document.querySelector("#whose").textContent = found.by ? `as ${found.by}` : "";
  page.widgets = found.widgets.map((widget) => build(widget, page));
  main.replaceChildren(...page.widgets.map((each) => each.frame));
  for (const each of page.widgets) sizes.observe(each.body);
  if (!found.widgets.length) main.append(element("p", { class: "empty" }, "The dashboard has no widgets."));
}

// Whoever drives the page sees that it is still looking things up; the widgets say it of themselves to everybody else.
let lookingUp = 0;

function showing(work) {
  return async (...given) => {
    main.dataset.lookingUp = String((lookingUp += 1));
    try {
      return await work(...given);
    } finally {
      if ((lookingUp -= 1)) main.dataset.lookingUp = String(lookingUp);
      else delete main.dataset.lookingUp;
    }
  };
}

const refresh = showing(async ({ event = "refresh", except = null, acted = null } = {}) => {
  page.refreshedAt = Date.now();
  try {
    if (event === "refresh" && !page.widgets.some((each) => each !== acted && each.held)) await read();
    page.say("");
  } catch (error) {
    page.say(error.message);
    if (!page.widgets.length) main.replaceChildren(element("p", { class: "problem" }, error.message));
    return;
  }
  const drawn = page.widgets.filter((each) => each !== except && (each.hears(event) || !each.drawnAt));
  await Promise.all(drawn.map((each) => each.draw({ asked: each === acted })));
});

const look = showing(async () => {
  if (document.hidden || isOpen() || page.view.refresh === "off") return;
  const since = (Date.now() - page.refreshedAt) / 1000;
  if (page.view.refresh !== "auto") {
    if (since >= Number(page.view.refresh)) await refresh();
    return;
  }
  if (Date.now() - page.lookedAt < LOOK_SECONDS * 1000) return;
  page.lookedAt = Date.now();
  let running = false;
  try {
    ({ running } = await call("running"));
  } catch (error) {
    page.say(error.message);
  }
  if (page.view.refresh !== "auto") return; // chosen while this was asked
  // Once more after it ended, so that the end is shown.
  if (running || page.ran || since >= IDLE_SECONDS) await refresh();
  page.ran = running;
});

async function keepLooking() {
  await look();
  setTimeout(keepLooking, 1000);
}

const resized = new Map();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const widget = page.widgets.find((each) => each.body === target);
    const before = resized.get(target);
    resized.set(target, contentRect.width);
    if (!widget?.drawnAt || before === contentRect.width) continue;
    clearTimeout(widget.resizing);
    widget.resizing = setTimeout(() => widget.hears("resize") && widget.draw({ asked: !widget.held }), 250);
  }
});

function dress() {
  document.documentElement.dataset.theme = page.theme;
}

function choose(select, choices, change) {
  const name = select.name;
  select.append(...Object.entries(choices).map(([value, label]) => element("option", { value }, label)));
  if (!Object.hasOwn(choices, page.view[name])) page.view[name] = select.options[0].value;
  select.value = page.view[name];
  select.addEventListener("change", () => {
    page.view[name] = select.value;
    remember(name, select.value);
    change();
  });
}

function dressAnew() {
  dress();
  refresh();
}

choose(controls.range, Object.fromEntries(Object.keys(RANGES).map((each) => [each, `the last ${each}`])), () => {
  for (const each of page.widgets) each.drawnAt = 0;
  refresh({ event: "timeRange" });
});
choose(controls.refresh, REFRESH, () => {});
choose(controls.theme, THEMES, dressAnew);
controls.now.addEventListener("click", () => {
  for (const each of page.widgets) each.drawnAt = each.answeredUntil = 0;
  refresh();
});
onSystemTheme(dressAnew);
dress();
await loadStyles();
await refresh();
keepLooking();
