"""Gateways over boto3; each takes its client and translates only the errors it understands."""
