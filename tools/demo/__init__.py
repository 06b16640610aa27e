"""The demonstration that `make run` gives: a service is pushed, staged, promoted, deployed, and two test beds bake."""
