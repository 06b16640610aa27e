"""Watching a deployment or a delivery until it ends."""
