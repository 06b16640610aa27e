// Makes a widget's HTML safe to show, as CloudWatch does: no scripts, frames or event handlers. DOMPurify keeps only the
// tags and attributes on these lists; `restrict` then limits their values. All of it happens in a document that runs
// nothing and loads nothing.

import "./vendor/purify.min.js";

const words = (text) => text.trim().split(/\s+/);

const TAGS = words(`
  a abbr article aside b blockquote br button caption cite code col colgroup cwdb-action dd del details dfn div dl dt
  em fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr i img input ins kbd label legend li mark
  meter ol optgroup option output p pre progress q s samp section select small span strong style sub summary sup table
  tbody td textarea tfoot th thead time tr u ul var wbr
  svg g path rect circle ellipse line polyline polygon text tspan title desc defs linearGradient radialGradient stop
  clipPath pattern marker mask symbol`);
const ATTRIBUTES = words(`
  class id title lang dir role tabindex hidden style
  abbr action alt autocomplete checked colspan confirmation datetime disabled display endpoint event for headers height
  high href label low max maxlength min minlength multiple name open optimum pattern placeholder readonly required
  reversed rows cols rowspan scope selected size span src start step type value width
  d x y x1 y1 x2 y2 cx cy r rx ry viewBox preserveAspectRatio points transform fill fill-opacity fill-rule
  stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin opacity
  font-size font-family font-weight font-style text-anchor dominant-baseline alignment-baseline dx dy rotate textLength
  lengthAdjust offset stop-color stop-opacity gradientUnits gradientTransform spreadMethod clip-path clip-rule
  clipPathUnits maskUnits marker-start marker-mid marker-end markerWidth markerHeight markerUnits refX refY orient mask
  patternUnits patternTransform letter-spacing paint-order vector-effect visibility shape-rendering focusable`);
const INPUTS = words(
  "text search number checkbox radio date time datetime-local month week range color email url tel hidden button submit reset"
);
const CONFIG = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ATTRIBUTES,
  ALLOW_DATA_ATTR: false,
  // An ARN and a sentence may look like a URL of an unknown scheme.
  ADD_URI_SAFE_ATTR: ["endpoint", "confirmation"],
  ADD_FORBID_CONTENTS: words("audio canvas embed frame frameset object track applet xmp plaintext"),
  // Keeps a style element at the start of the text, which the parser would move into the head.
  FORCE_BODY: true,
  RETURN_DOM_FRAGMENT: true,
  // The fragment is never parsed again, so a value such as a confirmation may contain "-->" or "</style>".
  SAFE_FOR_XML: false,
};

// Return {content, sheets}: a fragment to show, and the style sheets that came with it.
export function sanitize(html) {
  const content = globalThis.DOMPurify.sanitize(String(html), CONFIG);
  const styles = [...content.querySelectorAll("style")];
  for (const each of styles) each.remove();
  for (const each of content.querySelectorAll("*")) restrict(each);
  return { content, sheets: styles.map((each) => sheet(each.textContent)) };
}

function restrict(element) {
  if (element.localName === "input" && !INPUTS.includes(element.type)) element.remove();
  for (const { name, value } of [...element.attributes]) {
    if (name === "style") element.setAttribute(name, safeStyle(value));
    else if (name === "tabindex") element.setAttribute(name, value === "-1" ? "-1" : "0");
    else if (!isAllowed(element, name, value)) element.removeAttribute(name);
  }
  if (!/^(#|$)/.test(element.getAttribute("href") ?? "")) {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer");
  }
}

function isAllowed(element, name, value) {
  if (name === "action") return element.localName === "cwdb-action";
  if (name === "src") return element.localName === "img" && /^data:image\/(png|gif|jpeg|webp|svg\+xml)[;,]/i.test(value);
  // A link leads outwards, or to a place in the same widget (content.js scrolls there).
  if (name === "href") return value.startsWith("#") || (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol));
  return !(element instanceof SVGElement) || refersInside(value);
}

// An SVG value and a style may refer to something in the same drawing, and to nothing else.
const refersInside = (value) => !/url\s*\((?!\s*['"]?#)/i.test(value) && !/javascript:/i.test(value);

// Without properties that load something, and without positions that leave the widget.
function safeStyle(text) {
  const { style } = document.createElement("i");
  style.cssText = text;
  for (const property of [...style]) {
    const value = style.getPropertyValue(property);
    const allowed = property === "position" ? /^(static|relative|absolute)$/.test(value) : refersInside(value);
    if (!allowed) style.removeProperty(property);
  }
  return style.cssText;
}

// The CSSOM ignores an @import; the page's policy decides what the other rules may load.
function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}
