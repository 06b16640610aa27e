"""`make bench`: how fast, how safe under traffic and how large the whole is, measured on this machine.

__main__.py puts the measurements of the other modules together, on an environment of its own (laboratory.py).
"""
