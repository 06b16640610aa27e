"""The build: a clone of a service becomes a snapshot, by the service's own commands.

`python3 -P -m apps.build` runs inside CodeBuild, in the laptop's build endpoint, and for a developer without
AWS. In the order of the flow: request (what is built) → steps (commands and tests) → files, pack (the
artifact) → publish (to the bucket).
"""
