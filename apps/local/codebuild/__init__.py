"""The laptop's build service: CodeBuild's API in front of the emulator, and builds that really run.

`python -m apps.local.codebuild`. A call's way: endpoint.py (passed on, so that IAM decides, then completed) →
builds.py (the builds: queue, records, restarts) → build.py (one build, phase by phase) → sources.py,
buildspec.py, shell.py, journal.py (its log). Buildspec sections `artifacts`, `cache`, `reports`, `batch` and
`proxy`, and `run-as`, are ignored: a build publishes by itself. Variables of types PARAMETER_STORE and
SECRETS_MANAGER are refused.
"""
