// The widgets that the page draws itself: metrics, alarms, text.

import { alarms } from "./alarms.js";
import { call } from "./api.js";
import { chart } from "./charts.js";
import { element } from "./elements.js";
import { markdown } from "./markdown.js";
import { span } from "./time.js";
import { Widget } from "./widget.js";

const METRIC_SECONDS = 10;

export class Metric extends Widget {
  async draw({ forced = false } = {}) {
    if (forced || Date.now() - this.drawnAt >= METRIC_SECONDS * 1000) await super.draw();
  }

  async load() {
    this.span = span(this.page.view.range);
    const { start, end } = this.span;
    if (this.properties.annotations?.alarms && !this.properties.metrics?.length) {
      return call("alarms", { alarms: this.properties.annotations.alarms });
    }
    return call("metrics", { properties: this.properties, start, end });
  }

  render(found) {
    const seconds = { start: this.span.start / 1000, end: this.span.end / 1000 };
    const shown = found.alarms ? alarms(found.alarms) : chart(found, this.properties, seconds, this.size);
    this.body.replaceChildren(...shown);
  }
}

export class Alarm extends Widget {
  async load() {
    return call("alarms", { alarms: this.properties.alarms ?? [] });
  }

  render(found) {
    this.body.replaceChildren(...alarms(found.alarms));
  }
}

export class Text extends Widget {
  handles() {
    return false;
  }

  async load() {
    return markdown(this.properties.markdown ?? "");
  }

  render(blocks) {
    this.body.replaceChildren(...blocks);
  }
}

export class Unknown extends Text {
  async load() {
    return [element("p", { class: "problem" }, `The laptop's page cannot draw ${this.widget.type} widgets.`)];
  }
}
