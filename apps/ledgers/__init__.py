"""What is known about the market, from which source, since when."""
