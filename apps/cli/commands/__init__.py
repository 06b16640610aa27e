"""The commands, a group a module; apps/cli/main.py lists them."""
