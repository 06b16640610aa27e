"""One module per phase: the ports it needs, and the order in which it uses them."""
