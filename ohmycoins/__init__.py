"""Oh My Coins: a self-hosted backend for trading crypto on CoinSpot."""
