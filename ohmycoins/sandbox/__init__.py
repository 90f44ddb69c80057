"""Stand in for venues and sources: one HTTP server, seeded, so that everything works offline."""
