"""`python -m tools.cost`: memory, billed seconds and dollars of a rollout's stages, a host and a month.

__main__.py reads the templates and an execution's history; the other modules compute (docs/cost.md).
"""
