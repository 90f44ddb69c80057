"""Replay the ledgers in memory and trade in them as on paper (docs/backtests.md)."""
