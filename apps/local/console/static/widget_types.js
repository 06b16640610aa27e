// The widget class of each type in the dashboard's body.

import { Custom } from "./custom_widget.js";
import { Alarm, Metric, Text, Unknown } from "./builtin_widgets.js";

const TYPES = new Map([
  ["custom", Custom],
  ["metric", Metric],
  ["alarm", Alarm],
  ["text", Text],
]);

export const build = (widget, page) => new (TYPES.get(widget.type) ?? Unknown)(widget, page);
