"""Both state machines on moto's Step Functions, a second interpreter of the Amazon States Language.

moto's interpreter is LocalStack's, in the process of the test: its own grammar, its own walk through states, its own
retries, time-outs and task tokens. Three parts of it are bridged, each as thinly as possible:

- `jsonata.py`: moto evaluates JSONata on a Java machine that its package has not; jsonata-python evaluates it here.
- `virtual_time.py`: its threads, waits and time-outs pass in the time of the test's world, in a fixed order.
- `clients.py`: its calls of Lambda reach the functions of the test's world.
"""
