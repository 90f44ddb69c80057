"""Say whether to believe any of it."""
