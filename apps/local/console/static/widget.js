// The base of all widgets: a frame, and `draw`, which loads the data and renders it. The page calls it.

import { element } from "./elements.js";
import { frame } from "./frame.js";

// The height of a row of CloudWatch's grid with its gap, and of a widget's bar and edges, in pixels.
const ROW = 52;
const AROUND = 76;
const FRESH_SECONDS = 10;

export class Widget {
  constructor(widget, page) {
    this.widget = widget;
    this.page = page;
    this.properties = widget.properties ?? {};
    Object.assign(this, frame(widget));
    this.requests = 0;
    this.drawnAt = 0;
    this.body.append(element("div", { class: "skeleton", "aria-hidden": "true" }));
  }

  // Say how old the content is, once it is older than the page's usual pace.
  showAge(now = Date.now()) {
    const text = this.drawnAt ? age(now - this.drawnAt) : "";
    if (this.age.textContent !== text) this.age.textContent = text;
  }

  // Return true if this event redraws the widget: "refresh", "resize" or "timeRange".
  handles() {
    return true;
  }

  // Not the current height, which follows the content: CloudWatch's, which the content may use.
  get size() {
    return { width: this.body.clientWidth - 24, height: (this.widget.height ?? 6) * ROW - AROUND };
  }

  // An answer that arrives after a newer request is not shown.
  async draw() {
    const mine = (this.requests += 1);
    this.frame.setAttribute("aria-busy", "true");
    try {
      const answer = await this.load();
      if (mine === this.requests) this.render(answer);
    } catch (error) {
      if (mine === this.requests) this.failed(error.message);
    }
    if (mine !== this.requests) return;
    this.drawnAt = Date.now();
    this.frame.removeAttribute("aria-busy");
    // A body that scrolls must be reachable by the keyboard.
    this.body.tabIndex = this.body.scrollHeight > this.body.clientHeight + 1 ? 0 : -1;
  }

  // Something newer is shown: the answers that are still to come are not.
  drop() {
    this.requests += 1;
    this.frame.removeAttribute("aria-busy");
  }

  failed(message) {
    this.body.replaceChildren(element("p", { class: "problem" }, message));
  }
}

function age(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < FRESH_SECONDS) return "";
  return seconds < 60 ? `${seconds - (seconds % 10)} s old` : `${Math.floor(seconds / 60)} min old`;
}
