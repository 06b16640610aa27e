"""Notes: a small service with a database, for trying what such a service needs from its deployments."""
