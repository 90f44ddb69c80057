"""What every layer needs and that needs none of them."""
