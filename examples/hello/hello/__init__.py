"""A small web service that greets. Every answer names the version that gave it."""
