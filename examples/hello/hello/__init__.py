"""A small web service that greets, and says which version of it answered."""
