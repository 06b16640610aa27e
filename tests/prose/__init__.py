"""The prose checker: sentences and words of docstrings, comments, messages, names and docs.

`python -m tests.prose [PATH...]` reads files → passages.py → checks.py, which reads substitutions.toml.
"""
