// The widgets that the page draws by itself: metrics, alarms, text.

import { alarms } from "./alarms.js";
import { call } from "./api.js";
import { chart } from "./charts.js";
import { element } from "./elements.js";
import { markdown } from "./markdown.js";
import { span } from "./time.js";
import { Widget } from "./widget.js";

const METRIC_SECONDS = 10;
// A row of the grid with its gap, and what a widget's head and edges take (layout.css).
const ROW = 52;
const AROUND = 76;

export class Metric extends Widget {
  async draw({ asked = false } = {}) {
    if (asked || Date.now() - this.drawnAt >= METRIC_SECONDS * 1000) await super.draw();
  }

  async ask() {
    this.span = span(this.page.view.range);
    const { start, end } = this.span;
    if (this.properties.annotations?.alarms && !this.properties.metrics?.length) {
      return call("alarms", { alarms: this.properties.annotations.alarms });
    }
    return call("metrics", { properties: this.properties, start, end });
  }

  answered(found) {
    const seconds = { start: this.span.start / 1000, end: this.span.end / 1000 };
    // Not the height that there is: a chart that fills it would make its row grow.
    const size = { ...this.size, height: (this.widget.height ?? 6) * ROW - AROUND };
    const shown = found.alarms ? alarms(found.alarms) : chart(found, this.properties, seconds, size);
    this.body.replaceChildren(...shown);
  }
}

export class Alarm extends Widget {
  async ask() {
    return call("alarms", { alarms: this.properties.alarms ?? [] });
  }

  answered(found) {
    this.body.replaceChildren(...alarms(found.alarms));
  }
}

export class Text extends Widget {
  hears() {
    return false;
  }

  async ask() {
    return markdown(this.properties.markdown ?? "");
  }

  answered(blocks) {
    this.body.replaceChildren(...blocks);
  }
}

export class Unknown extends Text {
  async ask() {
    return [element("p", { class: "problem" }, `The laptop's page draws no ${this.widget.type} widgets.`)];
  }
}
