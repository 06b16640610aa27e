"""The host agent: what runs on every host, pulls its turns from the ledger, and installs under them only.

A turn is read (ports.py), judged (decide.py), done (installer.py: release_store.py, service.py, self_test.py) and
reported (reporter.py); agent.py is the loop around them.
"""
