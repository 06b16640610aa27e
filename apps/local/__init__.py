"""The laptop's environment: `make run`, `lifecycle local up`, `add`, `down`.

What is written here may know everything of AWS's side and of the emulator; no product code knows of it.

    environment.py   up and down: ports.py, processes.py, emulator.py, endpoints.py, then
                     assembly.py (CDK) → assets.py → formation.py (CloudFormation)
    clusters.py      a service's clusters: repositories.py (Git, hook.py), hosts.py (agents)
    dispatcher/      the load balancer: Envoy and an ELBv2 endpoint
    codebuild/       the build service
    traffic.py       requests at a steady rate; tour.py, bench.py: what drives all of it
"""
