"""Where ports meet the world: `aws` over boto3, `memory` for tests and simulation."""
