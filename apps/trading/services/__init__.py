"""Decide and write: accounts, orders, their execution, their fills."""
