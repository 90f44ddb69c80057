"""Hold what the sandbox's writers can say."""
