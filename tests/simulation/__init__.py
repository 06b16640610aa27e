"""The simulation: the real domain, application and agent code on fakes, under a seeded scheduler with faults.

`python -m tests.simulation --seeds 20000` runs many seeds, `--seed 4711` prints one run as a timeline.
"""
