// What a widget's Lambda answered, as elements that can do nothing by themselves: CloudWatch takes out scripts, frames
// and handlers, and so does this, by a list of what stays. The text is parsed into a document that runs nothing, and
// what is on the list is built anew, so nothing is ever parsed a second time.

const HTML = "http://www.w3.org/1999/xhtml";
const SVG = "http://www.w3.org/2000/svg";
const form = document.createElement("form");
const words = (text) => new Set(text.trim().split(/\s+/));

const HTML_TAGS = words(`
  a abbr article aside b blockquote br button caption cite code col colgroup cwdb-action dd del details dfn div dl dt
  em fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr i img input ins kbd label legend li mark
  meter ol optgroup option output p pre progress q s samp section select small span strong sub summary sup table tbody
  td textarea tfoot th thead time tr u ul var wbr`);
const SVG_TAGS = words(`
  svg g path rect circle ellipse line polyline polygon text tspan title desc defs linearGradient radialGradient stop
  clipPath pattern marker mask symbol`);
// Their content goes with them; every other element that is not on a list leaves its children behind.
const GONE = words(`
  script style iframe frame frameset object embed applet template noscript noembed noframes xmp plaintext link meta base
  math audio video source track canvas use image foreignobject animate animatetransform animatemotion set portal head
  title`);

const ANYWHERE = words("class id title lang dir role tabindex hidden style");
const BY_TAG = {
  a: "href",
  button: "type name value disabled",
  col: "span",
  colgroup: "span",
  "cwdb-action": "action display endpoint event confirmation",
  details: "open",
  fieldset: "disabled name",
  img: "src alt width height",
  input:
    "type name value placeholder checked disabled readonly required min max step maxlength minlength pattern size autocomplete",
  label: "for",
  li: "value",
  meter: "value min max low high optimum",
  ol: "start reversed type",
  optgroup: "label disabled",
  option: "value selected disabled label",
  progress: "value max",
  select: "name multiple disabled size required",
  td: "colspan rowspan headers",
  textarea: "name rows cols placeholder disabled readonly required maxlength",
  th: "colspan rowspan headers scope abbr",
  time: "datetime",
};
const SVG_ATTRIBUTES = words(`
  d x y x1 y1 x2 y2 cx cy r rx ry width height viewBox preserveAspectRatio points transform fill fill-opacity fill-rule
  stroke stroke-width stroke-opacity stroke-dasharray stroke-dashoffset stroke-linecap stroke-linejoin opacity
  font-size font-family font-weight font-style text-anchor dominant-baseline alignment-baseline dx dy rotate textLength
  lengthAdjust offset stop-color stop-opacity gradientUnits gradientTransform spreadMethod clip-path clip-rule
  clipPathUnits mask maskUnits marker-start marker-mid marker-end markerWidth markerHeight markerUnits refX refY orient
  patternUnits patternTransform letter-spacing paint-order vector-effect visibility shape-rendering focusable`);
const INPUTS = words(
  "text search number checkbox radio date time datetime-local month week range color email url tel hidden button submit reset"
);
for (const tag of Object.keys(BY_TAG)) BY_TAG[tag] = words(BY_TAG[tag]);

// Answers {content, sheets}: a fragment for this document, and the style sheets that came with it.
export function sanitize(html) {
  const parsed = new DOMParser().parseFromString(String(html), "text/html");
  const found = { content: document.createDocumentFragment(), sheets: [] };
  for (const part of [parsed.head, parsed.body]) copyChildren(part, found.content, found);
  return found;
}

function copyChildren(from, to, found) {
  for (const child of from.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) to.append(child.data);
    else if (child.nodeType === Node.ELEMENT_NODE) copyElement(child, to, found);
  }
}

function copyElement(element, to, found) {
  const svg = element.namespaceURI === SVG;
  const tag = element.localName;
  if (!svg && tag === "style") found.sheets.push(sheet(element.textContent));
  if (svg ? SVG_TAGS.has(tag) : element.namespaceURI === HTML && HTML_TAGS.has(tag)) {
    const made = document.createElementNS(element.namespaceURI, tag);
    for (const { name, value } of element.attributes) copyAttribute(made, name, value, svg);
    if (tag === "a") outward(made);
    if (tag === "input" && !INPUTS.has(made.type)) return;
    copyChildren(element, made, found);
    to.append(made);
  } else if (!svg && !GONE.has(tag) && element.namespaceURI === HTML) {
    copyChildren(element, to, found);
  }
}

function copyAttribute(made, name, value, svg) {
  const allowed =
    ANYWHERE.has(name) ||
    /^aria-[a-z]+$/.test(name) ||
    (svg ? SVG_ATTRIBUTES.has(name) : BY_TAG[made.localName]?.has(name));
  if (!allowed || (svg && !onlyWithin(value)) || shadows(name, value)) return;
  if (name === "style") styled(made, value);
  else if (name === "href") link(made, value);
  else if (name === "src") picture(made, value);
  else if (name === "tabindex") made.setAttribute(name, value === "-1" ? "-1" : "0");
  else made.setAttribute(name, value);
}

// As with CloudWatch: a name that a document's or a form's own property has would hide that from scripts.
const shadows = (name, value) => ["id", "name"].includes(name) && (value in document || value in form);


// An SVG value may refer to something in its own drawing, and to nothing else.
const onlyWithin = (value) => !/url\s*\((?!\s*['"]?#)/i.test(value) && !/javascript:/i.test(value);

function styled(made, value) {
  const probe = document.createElement("i").style;
  probe.cssText = value;
  for (const property of [...probe]) {
    const given = probe.getPropertyValue(property);
    if (allowedStyle(property, given)) made.style.setProperty(property, given, probe.getPropertyPriority(property));
  }
}

function allowedStyle(property, value) {
  if (property === "position") return ["static", "relative", "absolute"].includes(value);
  return onlyWithin(value);
}

// Made through the CSSOM, where an @import is ignored; what its rules may load, the page's policy decides.
function sheet(text) {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

// Outwards, or to a place in the same widget (content.js goes there).
function link(made, value) {
  if (value.startsWith("#")) made.setAttribute("href", value);
  if (!URL.canParse(value)) return;
  if (["http:", "https:"].includes(new URL(value).protocol)) made.setAttribute("href", value);
}

function outward(made) {
  if (!made.hasAttribute("href") || made.getAttribute("href").startsWith("#")) return;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
}

function picture(made, value) {
  if (/^data:image\/(png|gif|jpeg|webp|svg\+xml)[;,]/i.test(value)) made.setAttribute("src", value);
}
