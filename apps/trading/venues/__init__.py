"""Execute orders: on paper against recorded prices, or at a real venue."""
