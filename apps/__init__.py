"""The four apps, and the users who use them; see docs/architecture.md for who may import whom."""
