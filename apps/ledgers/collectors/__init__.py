"""Fetch pages from outside sources: I/O only, twins of the parsers by name."""
