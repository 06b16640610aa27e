"""The embedded AWS: the emulator's process, its clients, and the deployment of the CDK app into it.

emulator.py     starts the process
embedded.py     runs inside the emulator and persists its state
clients.py      makes boto3 clients
assembly.py     synthesises the CDK app; assets.py and cloudformation.py deploy it
proxy.py        the proxy in front of the emulator, for dispatcher/ and codebuild/
endpoints.py    starts the dispatcher, CodeBuild and the console
"""
