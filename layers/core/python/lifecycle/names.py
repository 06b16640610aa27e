"""The names that the parts of Lifecycle know each other by.

They are fixed, so that a command line needs no look-up and a role can name what does not exist yet: the rollout
machine calls Lambdas that answer the rollout machine. Strings with `${...}` are for `Fn::Sub`.
"""

SERVICE = "lifecycle"
LEDGER = "lifecycle-ledger"
BUCKET = "lifecycle-artifacts-${AWS::AccountId}-${AWS::Region}"
BUILD_PROJECT = "lifecycle-build"
BUILD_LOG = "/aws/codebuild/lifecycle-build"
WEBHOOK_SECRET = "lifecycle/webhook"  # noqa: S105 - the secret's name
ROLLOUT = "lifecycle-rollout"
DELIVERY = "lifecycle-delivery"
OPERATOR = "lifecycle-operator"
VIEWER = "lifecycle-viewer"
DASHBOARD = "lifecycle"
NOTIFICATIONS = "lifecycle-notices"
ALARMS = "lifecycle-alarms"


def function(phase: str) -> str:
    """The name of a phase's Lambda."""
    return f"lifecycle-{phase.replace('_', '-')}"


def arn(service: str, resource: str) -> str:
    """An ARN in this account and region, for `Fn::Sub`."""
    return f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"


def machine_arn(name: str) -> str:
    """A state machine, by its whole name."""
    return arn("states", f"stateMachine:{name}")


def execution_arns(name: str) -> str:
    """Every execution of a state machine."""
    return arn("states", f"execution:{name}:*")


def function_arn(phase: str) -> str:
    """A phase's Lambda."""
    return arn("lambda", f"function:{function(phase)}")


def topic_arn(name: str) -> str:
    """An SNS topic."""
    return arn("sns", name)


def objects(prefix: str) -> str:
    """Everything under a prefix of the artifact bucket."""
    return f"arn:${{AWS::Partition}}:s3:::{BUCKET}/{prefix}/*"


def bucket_arn() -> str:
    """The artifact bucket itself."""
    return f"arn:${{AWS::Partition}}:s3:::{BUCKET}"
