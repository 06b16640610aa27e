"""`make bench`: measure speed, failed requests under traffic, and memory on this machine.

__main__.py runs the measurements of the other modules in an environment of its own (laboratory.py).
"""
