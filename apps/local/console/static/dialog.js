// Confirmations and pop-ups: the browser's own dialog, which holds the focus and closes with Esc. Afterwards the element
// that opened it has the focus again, or its widget if the element is gone.

import { element } from "./elements.js";

export const isOpen = () => document.querySelector("dialog[open]") !== null;

// Resolve to true if the person confirms. Cancel has the focus first, so that pressing Enter twice does nothing.
export function confirm(title, text, opener) {
  return new Promise((resolve) => {
    const cancel = element("button", { type: "button", autofocus: true }, "Cancel");
    const go = element("button", { type: "button", class: "primary" }, "Confirm");
    const box = show(title, element("p", { class: "confirmation" }, text), [cancel, go], opener);
    let confirmed = false;
    go.addEventListener("click", () => {
      confirmed = true;
      box.close();
    });
    cancel.addEventListener("click", () => box.close());
    box.addEventListener("close", () => resolve(confirmed));
  });
}

// Show a pop-up with this content, and return its dialog.
export function popup(title, content, opener) {
  const close = element("button", { type: "button", autofocus: true }, "Close");
  const box = show(title, content, [close], opener);
  close.addEventListener("click", () => box.close());
  return box;
}

let count = 0;

function show(title, content, buttons, opener) {
  const id = `dialog-${(count += 1)}`;
  const heading = element("h2", { id }, title);
  const body = element("div", { class: "dialog-body" }, content);
  const box = element("dialog", { "aria-labelledby": id }, heading, body, element("p", { class: "buttons" }, ...buttons));
  document.body.append(box);
  box.addEventListener("close", () => {
    box.remove();
    const back = opener?.isConnected ? opener : opener?.widget;
    back?.focus();
  });
  box.showModal();
  return box;
}
