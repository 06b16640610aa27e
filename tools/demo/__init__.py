"""The demo of `make run`: push a service, deploy it to staging and production, and bake two test beds."""
