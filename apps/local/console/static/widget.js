// The base of all widgets: a frame, and `draw`, which loads the data and renders it. The page calls it.

import { element } from "./elements.js";
import { frame } from "./frame.js";

export class Widget {
  constructor(widget, page) {
    this.widget = widget;
    this.page = page;
    this.properties = widget.properties ?? {};
    Object.assign(this, frame(widget));
    this.requests = 0;
    this.drawnAt = 0;
  }

  // Return true if this event redraws the widget: "refresh", "resize" or "timeRange".
  handles() {
    return true;
  }

  get size() {
    return { width: this.body.clientWidth - 24, height: this.body.clientHeight - 16 };
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

  failed(message) {
    this.body.replaceChildren(element("p", { class: "problem" }, message));
  }
}
