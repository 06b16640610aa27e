"""Gateways over boto3. Each takes its client, and translates only the errors that it understands."""
