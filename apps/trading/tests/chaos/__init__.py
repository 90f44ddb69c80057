"""Orders under fire: real workers that are killed, a venue that answers badly, servers that are restarted."""
