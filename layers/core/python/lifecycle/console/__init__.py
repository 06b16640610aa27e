"""Widgets of the console: views drawn as HTML and SVG, for CloudWatch's custom widgets; pure."""
