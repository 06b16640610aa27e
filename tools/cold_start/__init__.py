"""The cost of a cold start of each function, measured in fresh processes (docs/cold-start.md)."""
