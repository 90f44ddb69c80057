"""Book fills, and answer with figures."""
