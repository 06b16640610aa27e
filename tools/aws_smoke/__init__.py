"""The kit for a first real account: deploy, roll out, fail on purpose, roll back, measure, remove all.

`python -m tools.aws_smoke --profile P --region R --cap-usd N --yes`; docs/aws-open-questions.md has what it measures.
"""
