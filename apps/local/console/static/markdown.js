// The Markdown of text widgets: headings, lists, paragraphs, `code`, **strong**, links. Everything else is text.

import { element } from "./elements.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/g;

export function markdown(text) {
  const blocks = [];
  let list = null;
  for (const block of String(text).split(/\n/)) {
    const item = /^\s*[-*] +(.*)/.exec(block);
    const heading = /^(#{1,6}) +(.*)/.exec(block);
    if (item) {
      if (!list) blocks.push((list = element("ul")));
      list.append(element("li", {}, ...inline(item[1])));
      continue;
    }
    list = null;
    // The page uses h1, and the widgets' titles h2.
    if (heading) blocks.push(element(`h${Math.min(6, heading[1].length + 2)}`, {}, ...inline(heading[2])));
    else if (block.trim()) blocks.push(element("p", {}, ...inline(block)));
  }
  return blocks;
}

function inline(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(at, found.index));
    const [whole, code, strong, label, url] = found;
    if (code) parts.push(element("code", {}, code));
    else if (strong) parts.push(element("strong", {}, strong));
    else parts.push(element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label));
    at = found.index + whole.length;
  }
  return [...parts, text.slice(at)];
}
