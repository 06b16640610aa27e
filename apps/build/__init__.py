"""The build, which turns a clone of a service into a snapshot with the service's own commands.

`python3 -P -m apps.build` runs in CodeBuild, in the laptop's build endpoint, and for a developer without AWS.

The flow: request (the commit to build) → steps (commands, tests) → files, pack (the artifact) → publish (to S3).
"""
