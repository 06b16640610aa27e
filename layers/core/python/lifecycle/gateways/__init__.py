"""Implementations of the ports over AWS. The in-memory fakes are in tests/fakes."""
