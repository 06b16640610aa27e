"""Implementations of the ports: `aws` over boto3, `memory` for tests and the simulation."""
