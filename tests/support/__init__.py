"""Code that several test folders share: scripted hosts, and the rollout's loop over in-memory fakes."""
