"""One module a phase: the ports it needs, and the order in which it uses them."""
