// Custom widgets: they show a Lambda's answer, and its buttons call Lambdas.

import { parameters, wire } from "./action.js";
import { call } from "./api.js";
import { Content } from "./content.js";
import { confirm, isOpen, popup } from "./dialog.js";
import { element } from "./elements.js";
import { busy, gather } from "./forms.js";
import { timeRange, timezone } from "./time.js";
import { Widget } from "./widget.js";

// The answer to a button stays in the widget for this long, whatever is refreshed.
const ANSWER_SECONDS = 30;
// One that asks for something, such as a plan to confirm, gives a person the time to read it.
const QUESTION_SECONDS = 300;

export class Custom extends Widget {
  constructor(widget, page) {
    super(widget, page);
    this.content = new Content(() => this.wire(this.content, []));
    this.body.append(this.content.host);
    this.isScoped = false;
    // The widget's own parameters, or those of the button that was pressed in it last.
    this.chosen = this.properties.params ?? {};
  }

  handles(event) {
    return this.properties.updateOn?.[event] ?? event === "refresh";
  }

  async draw({ forced = false } = {}) {
    // The person's input has been sent, so the widget is shown again, whatever the answer.
    if (forced) this.answeredUntil = 0;
    if (forced) this.content.answerText = null;
    if (forced || !this.isHeld) await super.draw();
  }

  // A refresh must not remove a field while a person writes in it.
  get isHeld() {
    const isWritten = busy(this.content.root);
    const answered = Date.now() < (this.answeredUntil ?? 0);
    if (isWritten) this.say("Not refreshed while there is something written here.");
    else this.say(answered ? this.answerNote : "");
    return isWritten || answered;
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

  // The page shows another scope: it counts, and not what was chosen in the widget before.
  rescope() {
    this.chosen = this.properties.params ?? {};
    this.isScoped = true;
    this.content.answerText = null;
  }

  async load() {
    const scoped = this.isScoped ? { pressed: true } : {};
    const payload = { ...this.chosen, ...this.page.scope(this.chosen), ...scoped, widgetContext: this.context() };
    const { answer } = await call("invoke", { endpoint: this.properties.endpoint, payload });
    this.isScoped = false;
    return answer;
  }

  render(answer) {
    this.body.querySelector(".skeleton")?.remove();
    // A person may have begun to write, or opened a dialog, before this answer arrived.
    if (isOpen() || (this.content.answerText !== null && busy(this.content.root))) return;
    this.content.answer(answer);
    this.say("");
  }

  failed(message) {
    this.body.querySelector(".skeleton")?.remove();
    this.content.problem(message);
  }

  // `box` returns the dialog that shows the content, or null.
  wire(content, roots, box = () => null) {
    wire(content.root, (action, target) => {
      target.widget = this.body;
      this.perform(action, target, roots, box);
    });
  }

  // Return a confirmation's heading: the text of the button.
  heading(target) {
    const words = target.textContent.trim();
    return words && words.length <= 40 ? `${words}?` : this.title;
  }

  async perform(action, target, roots, box) {
    // A field that must be filled says so itself; on AWS the function refuses.
    if (action.call && target.closest("form")?.reportValidity() === false) return;
    if (action.confirmation && !(await confirm(this.heading(target), action.confirmation, target))) return;
    if (!action.call) {
      this.present(action, target, (content) => content.show([action.content.cloneNode(true)]), box);
      return;
    }
    target.setAttribute("aria-disabled", "true");
    const working = element("span", { class: "working", role: "status" }, " Working …");
    target.after(working);
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
      working.remove();
    }
  }

  // Show the result in the widget or in a pop-up. After a call, all other widgets are refreshed.
  present(action, target, fill, box) {
    box()?.close();
    this.drop();
    if (action.inWidget) {
      fill(this.content);
      if (!action.call) return;
      const mine = !action.endpoint || action.endpoint === this.properties.endpoint;
      const asks = this.content.root.querySelector("textarea") !== null;
      this.answeredUntil = mine ? 0 : Date.now() + (asks ? QUESTION_SECONDS : ANSWER_SECONDS) * 1000;
      this.answerNote = asks
        ? "This waits for your confirmation; nothing has begun."
        : "This is the answer to your button; the widget returns shortly.";
      this.page.changed(this);
      return;
    }
    let opened = null;
    const content = new Content(() => this.wire(content, [content.root], () => opened));
    fill(content);
    opened = popup(this.title || "Lifecycle", content.host, target);
    // The person's input here has been sent.
    if (action.call) opened.addEventListener("close", () => this.page.changed(null, this));
  }
}
