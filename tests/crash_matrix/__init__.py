"""The crash matrix: every phase, killed and delivered in every bad way, for real (docs/crash-matrix.md)."""
