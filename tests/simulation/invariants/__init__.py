"""The invariants of docs/reliability.md, each one a function named after its demand. Called by oracle.py."""
