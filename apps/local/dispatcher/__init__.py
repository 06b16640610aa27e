"""The laptop's load balancer: Envoy for the traffic, an ELBv2 endpoint in front of the emulator for the API.

`python -m apps.local.dispatcher`. A call's way: endpoint.py (passed on, then completed) → balancer.py (what
is registered, kept in step with the emulator and with Envoy) → rotation.py (one target group's targets,
pure) → configuration.py (Envoy's files, pure) → envoy.py (the process and its admin interface). Beside it
meter.py tells CloudWatch what an ALB would, from requests_log.py by metrics.py.
"""
