"""The laptop's load balancer: Envoy for the traffic, an ELBv2 endpoint in front of the emulator for the API.

Run as `python -m apps.local.dispatcher`. A call passes these modules:

    endpoint.py             forwards the call and completes the answer
    balancer.py             follows the emulator and Envoy; saved_state.py holds what the emulator loses
    targets.py              the targets of one target group (pure)
    envoy_configuration.py  Envoy's resources (pure); envoy_files.py writes them
    envoy.py                Envoy's process and its admin interface, on the Unix socket of admin.py

metrics_publisher.py publishes the metrics of an ALB, from access_log.py by metrics.py.
"""
