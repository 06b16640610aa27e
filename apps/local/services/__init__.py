"""The services of a laptop: their clusters, hosts and agents. `lifecycle local add` calls clusters.py."""
