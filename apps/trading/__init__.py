"""Decide and act: accounts, safety, orders, venues, fills."""
