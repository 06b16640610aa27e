"""The invariants of docs/reliability.md, each a function named after its demand. Called by oracle.py."""
