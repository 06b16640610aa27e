"""The fault-injection suite: phases killed, repeated or delayed for real (docs/fault-injection.md)."""
