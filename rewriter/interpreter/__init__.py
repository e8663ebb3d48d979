"""Runs a forward abstractly, in Python's own order, and notes each operation and module call with what feeds it."""
