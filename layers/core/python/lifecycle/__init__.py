"""Lifecycle: continuous delivery from a Git push to production, one host at a time."""
