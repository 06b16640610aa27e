"""The `lifecycle` command line."""
