"""The programs outside Lambda: the host agent, the build, the command line and the laptop's environment."""
