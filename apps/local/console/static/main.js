// The page: it reads the dashboard, builds its widgets, and draws them again when something changed.
//
// There is no automatic refresh while a dialog is open or the page is hidden. A widget with unsent input waits.

import { call } from "./api.js";
import { loadStyles } from "./content.js";
import { isOpen } from "./dialog.js";
import { element } from "./elements.js";
import { arrange } from "./layout.js";
import { scope, wireScope } from "./scope.js";
import { build } from "./widget_types.js";
import { RANGES } from "./time.js";
import { REFRESH, THEMES, onSystemTheme, loadView, saveView, themeOf } from "./preferences.js";

const POLL_SECONDS = 5;
const IDLE_SECONDS = 60;

const main = document.querySelector("main");
const controls = document.querySelector("#controls").elements;
const status = document.querySelector("#status");

const page = {
  dashboard: { widgets: [] },
  view: loadView(),
  widgets: [],
  refreshedAt: 0,
  polledAt: 0,
  ran: false,

  get theme() {
    return themeOf(this.view.theme);
  },

  // Return the page's scope for a widget; the widget's own choice of the dashboard counts before it.
  scope(own) {
    return { ...scope(), ...own };
  },

  say(text) {
    if (status.textContent !== text) status.textContent = text;
  },

  // A button was pressed: refresh every widget but the one that shows the answer.
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
  main.replaceChildren(...(page.widgets.length ? [arrange(page.widgets)] : []));
  for (const each of page.widgets) sizes.observe(each.body);
  if (!found.widgets.length) main.append(element("p", { class: "empty" }, "The dashboard has no widgets."));
}

// Tests read data-looking-up to wait for pending calls; for everybody else, each widget has aria-busy.
let lookingUp = 0;

function tracked(work) {
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

const refresh = tracked(async ({ event = "refresh", except = null, acted = null } = {}) => {
  page.refreshedAt = Date.now();
  try {
    if (event === "refresh" && !page.widgets.some((each) => each !== acted && each.isHeld)) await read();
    page.say("");
  } catch (error) {
    page.say(error.message);
    if (!page.widgets.length) main.replaceChildren(element("p", { class: "problem" }, error.message));
    return;
  }
  const drawn = page.widgets.filter((each) => each !== except && (each.handles(event) || !each.drawnAt));
  await Promise.all(drawn.map((each) => each.draw({ forced: each === acted })));
});

const poll = tracked(async () => {
  if (document.hidden || isOpen() || page.view.refresh === "off") return;
  const since = (Date.now() - page.refreshedAt) / 1000;
  if (page.view.refresh !== "auto") {
    if (since >= Number(page.view.refresh)) await refresh();
    return;
  }
  if (Date.now() - page.polledAt < POLL_SECONDS * 1000) return;
  page.polledAt = Date.now();
  let running = false;
  try {
    ({ running } = await call("running"));
  } catch (error) {
    page.say(error.message);
  }
  if (page.view.refresh !== "auto") return; // changed while the call was pending
  // Refresh once more after it ended, so that the end is shown.
  if (running || page.ran || since >= IDLE_SECONDS) await refresh();
  page.ran = running;
});

async function pollForever() {
  for (const each of page.widgets) each.showAge();
  await poll();
  setTimeout(pollForever, 1000);
}

const resized = new Map();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const widget = page.widgets.find((each) => each.body === target);
    const before = resized.get(target);
    resized.set(target, contentRect.width);
    if (!widget?.drawnAt || before === contentRect.width) continue;
    clearTimeout(widget.resizing);
    widget.resizing = setTimeout(() => widget.handles("resize") && widget.draw({ forced: !widget.isHeld }), 250);
  }
});

function applyTheme() {
  document.documentElement.dataset.theme = page.theme;
}

function choose(select, choices, change) {
  const name = select.name;
  select.append(...Object.entries(choices).map(([value, label]) => element("option", { value }, label)));
  if (!Object.hasOwn(choices, page.view[name])) page.view[name] = select.options[0].value;
  select.value = page.view[name];
  select.addEventListener("change", () => {
    page.view[name] = select.value;
    saveView(name, select.value);
    change();
  });
}

function changeScope() {
  for (const each of page.widgets) {
    each.rescope?.();
    each.drawnAt = each.answeredUntil = 0;
  }
  refresh();
}

function changeTheme() {
  applyTheme();
  refresh();
}

choose(controls.range, Object.fromEntries(Object.keys(RANGES).map((each) => [each, `the last ${each}`])), () => {
  for (const each of page.widgets) each.drawnAt = 0;
  refresh({ event: "timeRange" });
});
choose(controls.refresh, REFRESH, () => {});
choose(controls.theme, THEMES, changeTheme);
controls.now.addEventListener("click", () => {
  for (const each of page.widgets) each.drawnAt = each.answeredUntil = 0;
  refresh();
});
wireScope(document.querySelector("#scope"), changeScope);
onSystemTheme(changeTheme);
applyTheme();
await loadStyles();
await refresh();
pollForever();
