// Custom widgets: what a Lambda answers, and what its buttons do.

import { parameters, wire } from "./action.js";
import { call } from "./api.js";
import { Content } from "./content.js";
import { confirm, isOpen, popup } from "./dialog.js";
import { busy, gather } from "./forms.js";
import { timeRange, timezone } from "./time.js";
import { Widget } from "./widget.js";

// For how long the answer to what was pressed stays in the widget, whatever is refreshed.
const ANSWER_SECONDS = 30;

export class Custom extends Widget {
  constructor(widget, page) {
    super(widget, page);
    this.content = new Content(() => this.wire(this.content, []));
    this.body.append(this.content.host);
    // What to look at: the widget's own parameters, or those of the button that was pressed in it last.
    this.chosen = this.properties.params ?? {};
  }

  hears(event) {
    return this.properties.updateOn?.[event] ?? event === "refresh";
  }

  async draw({ asked = false } = {}) {
    // What was written has been sent: it is shown anew, whatever the answer.
    if (asked) this.answeredUntil = 0;
    if (asked) this.content.told = null;
    if (asked || !this.held) await super.draw();
  }

  // While somebody writes here, nothing is taken from under their hands.
  get held() {
    const written = busy(this.content.root);
    const answered = Date.now() < (this.answeredUntil ?? 0);
    if (written) this.say("Not refreshed while there is something written here.");
    else this.say(answered ? "This answers what you pressed; the widget comes back shortly." : "");
    return written || answered;
  }

  say(text) {
    this.note.hidden = !text;
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  context(...roots) {
    const { dashboard, view, theme } = this.page;
    return {
      dashboardName: dashboard.name,
      widgetId: this.id,
      accountId: dashboard.account,
      locale: navigator.language,
      timezone: timezone(),
      period: 300,
      isAutoPeriod: true,
      timeRange: timeRange(view.range),
      theme,
      linkCharts: true,
      title: this.title,
      forms: gather(this.content.root, ...roots),
      params: this.properties.params ?? {},
      ...this.size,
    };
  }

  async ask() {
    const payload = { ...this.chosen, widgetContext: this.context() };
    return (await call("invoke", { endpoint: this.properties.endpoint, payload })).answer;
  }

  answered(answer) {
    // A person may have begun to write, or to answer, while this was on its way.
    if (isOpen() || (this.content.told !== null && busy(this.content.root))) return;
    this.content.answer(answer);
    this.say("");
  }

  failed(message) {
    this.content.problem(message);
  }

  // `box` answers the dialog that the content stands in, if it does.
  wire(content, roots, box = () => null) {
    wire(content.root, (action, target) => {
      target.widget = this.body;
      this.perform(action, target, roots, box);
    });
  }

  // What a confirmation is headed with: the words on the button.
  asks(target) {
    const words = target.textContent.trim();
    return words && words.length <= 40 ? `${words}?` : this.title;
  }

  async perform(action, target, roots, box) {
    if (action.confirmation && !(await confirm(this.asks(target), action.confirmation, target))) return;
    if (!action.call) {
      this.present(action, target, (content) => content.show([action.content.cloneNode(true)]), box);
      return;
    }
    target.setAttribute("aria-disabled", "true");
    this.page.say("Working …");
    try {
      const params = parameters(action);
      const payload = { ...params, widgetContext: this.context(...roots) };
      const endpoint = action.endpoint || this.properties.endpoint;
      if (action.inWidget && endpoint === this.properties.endpoint) this.chosen = params;
      const { answer } = await call("invoke", { endpoint, payload });
      this.present(action, target, (content) => content.answer(answer), box);
    } catch (error) {
      this.present({ inWidget: false }, target, (content) => content.problem(error.message), () => null);
    } finally {
      target.removeAttribute("aria-disabled");
      this.page.say("");
    }
  }

  // In the widget, or in a pop-up; what a call changed is looked up everywhere else afterwards.
  present(action, target, fill, box) {
    box()?.close();
    this.asked += 1;
    if (action.inWidget) {
      fill(this.content);
      if (!action.call) return;
      const mine = !action.endpoint || action.endpoint === this.properties.endpoint;
      this.answeredUntil = mine ? 0 : Date.now() + ANSWER_SECONDS * 1000;
      this.page.changed(this);
      return;
    }
    let opened = null;
    const content = new Content(() => this.wire(content, [content.root], () => opened));
    fill(content);
    opened = popup(this.title || "Lifecycle", content.host, target);
    // What was written here has been sent.
    if (action.call) opened.addEventListener("close", () => this.page.changed(null, this));
  }
}
