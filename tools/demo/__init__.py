"""The demo that `make run` gives: push a service, deploy it to staging and production, and bake two test beds."""
