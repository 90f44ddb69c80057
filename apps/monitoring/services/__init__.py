"""Take the system's pulse."""
