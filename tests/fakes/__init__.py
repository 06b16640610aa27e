"""In-memory fakes of the ports. tests/contract runs the same tests on them and on the AWS gateways."""
