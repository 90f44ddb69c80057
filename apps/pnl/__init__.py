"""What trading earned: lots, matches, and the figures made of them."""
