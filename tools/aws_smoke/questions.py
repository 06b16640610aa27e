"""The questions that only AWS can answer; docs/aws-open-questions.md explains each under the same name."""

QUESTIONS: dict[str, str] = {
    "double-hyphen": "Does ELB accept `--` in the name of a target group, as in lc-p-smoke--t?",
    "weight-zero-health": "Does an ALB check the targets of a group that is named with weight 0?",
    "fill-empty": "Does FILL(metric, 0) give a value where the metric has none at all?",
    "requests-after-deregistration": "How long do requests still reach a host after DeregisterTargets has answered?",
    "cold-starts": "How long do the cold starts of the functions take?",
    "identity-in-event": "Does a deployment's record name the caller whose credentials signed the command?",
    "metrics-delay": "After how many seconds does CloudWatch have the requests of a minute?",
    "metrics-namespace": "Does IAM deny a host's metrics in the namespace of another service?",
    "reports-partition": "Does IAM deny a host the reports of another cluster?",
    "concurrency": "Is the account's limit of concurrent executions high enough to reserve ten for the webhook?",
}
