"""Stop trading, mark volatile markets, see limits and discrepancies."""
