"""In-memory twins of the AWS gateways; tests/contract runs the same tests on both."""
