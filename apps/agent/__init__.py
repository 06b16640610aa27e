"""The host agent, which runs on every host. It pulls its turns from the ledger, and installs only under a turn.

agent.py is the loop: read the turn (ports.py), choose (decide.py), act (installer.py), report (reporter.py). The
installer uses release_store.py, service.py and self_test.py.
"""
