"""Follow a deployment or a delivery until it ends."""
