"""Turn pages into records: pure functions, twins of the collectors by name."""
