"""The embedded AWS: the emulator's process, and the deployment of the CDK app into it.

emulator.py     starts the process and makes its clients
embedded.py     runs inside the emulator and persists its state
assembly.py     synthesises the CDK app; assets.py and cloudformation.py deploy it
proxy.py        the HTTP server in front of the emulator; dispatcher/ and codebuild/ answer through it
endpoints.py    starts the dispatcher, CodeBuild and the console
"""
