// What all widgets have in common: a frame, and being drawn, which asks anew and shows the answer; the page says when.

import { element } from "./elements.js";
import { frame } from "./frame.js";

export class Widget {
  constructor(widget, page) {
    this.widget = widget;
    this.page = page;
    this.properties = widget.properties ?? {};
    Object.assign(this, frame(widget));
    this.asked = 0;
    this.drawnAt = 0;
  }

  // Whether this kind of event concerns it: "refresh", "resize", "timeRange".
  hears() {
    return true;
  }

  get size() {
    return { width: this.body.clientWidth - 24, height: this.body.clientHeight - 16 };
  }

  // What comes late, after something newer was asked for, is not shown.
  async draw() {
    const mine = (this.asked += 1);
    this.frame.setAttribute("aria-busy", "true");
    try {
      const answer = await this.ask();
      if (mine === this.asked) this.answered(answer);
    } catch (error) {
      if (mine === this.asked) this.failed(error.message);
    }
    if (mine !== this.asked) return;
    this.drawnAt = Date.now();
    this.frame.removeAttribute("aria-busy");
    // What scrolls can be scrolled by the keyboard.
    this.body.tabIndex = this.body.scrollHeight > this.body.clientHeight + 1 ? 0 : -1;
  }

  failed(message) {
    this.body.replaceChildren(element("p", { class: "problem" }, message));
  }
}
