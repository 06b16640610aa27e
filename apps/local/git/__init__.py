"""Git on a laptop: a bare repository for each service, and the hook that delivers GitHub's push event."""
