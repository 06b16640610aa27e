"""The real domain, application and agent code, run against twins by a seeded scheduler that breaks things.

`python -m tests.simulation --seeds 20000` runs many seeds, `--seed 4711` prints one run as a timeline.
"""
