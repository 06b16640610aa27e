"""The invariants of DESIGN.md section 7, each a small function named after what it demands."""
