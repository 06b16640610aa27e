"""What several test folders share: a fleet of scripted hosts, and the rollout's loop over in-memory twins."""
