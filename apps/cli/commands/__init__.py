"""The commands, one module for each group; apps/cli/main.py lists them."""
