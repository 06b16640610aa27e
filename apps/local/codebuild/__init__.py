"""The laptop's build service: CodeBuild's API in front of the emulator, and builds that run as processes.

Run as `python -m apps.local.codebuild`. A call passes these modules:

    endpoint.py     forwards the call, so that the emulator's IAM decides, and completes the answer
    builds.py       all builds: queue, records, restarts
    build.py        one build, phase by phase: sources.py, buildspec.py, shell.py, build_log.py

The buildspec's `artifacts`, `cache`, `reports`, `batch`, `proxy` and `run-as` are ignored: a build uploads its
results itself. Variables of the types PARAMETER_STORE and SECRETS_MANAGER are refused.
"""
