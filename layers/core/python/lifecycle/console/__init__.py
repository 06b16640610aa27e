"""What the console shows: read models to HTML and SVG, for CloudWatch's custom widgets; pure."""
