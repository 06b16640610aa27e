// Makes elements without parsing markup, so text stays text.

const SVG = "http://www.w3.org/2000/svg";

export const element = (tag, attributes, ...children) =>
  filled(document.createElement(tag), attributes, children);

export const svgElement = (tag, attributes, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

function filled(made, attributes = {}, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((each) => each != null));
  return made;
}
