"""The fault-injection suite: every phase, killed and delivered in every bad way, for real (docs/fault-injection.md)."""
