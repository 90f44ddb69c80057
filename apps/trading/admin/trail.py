"""Show the trail of events."""
