"""CoinSpot's signed API, version 2, as a simulation: accounts, an order book, and single calls that go wrong."""
