"""Decide and write: run collectors, store entries, answer for a moment."""
