"""Show which accounts have keys, and whether the venue lets them in."""
