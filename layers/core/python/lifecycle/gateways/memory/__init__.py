"""In-memory twins of the AWS gateways, held to the same contract suite."""
