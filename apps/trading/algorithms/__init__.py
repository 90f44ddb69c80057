"""Decide what to trade: pure, from what was known at an instant (docs/seams.md)."""
