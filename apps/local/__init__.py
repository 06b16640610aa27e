"""The laptop's environment: `make run`, `lifecycle local up`, `add`, `down`.

This code may use details of AWS and of the emulator. No product code imports it.

    environment.py   up and down: ports.py, processes.py, then everything in aws/
    aws/             the embedded AWS: its process, its clients, and the deployment of the CDK app into it
    services/        a service's clusters, hosts and agents
    git/             bare repositories, and the hook that delivers pushes
    dispatcher/      the load balancer: Envoy and an ELBv2 endpoint
    codebuild/       the build service
    console/         the page that shows the CloudWatch dashboard
    http_server.py   what aws/proxy.py and console/server.py serve with
"""
