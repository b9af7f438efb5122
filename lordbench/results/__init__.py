"""Rows, the store that keeps them, and the leaderboards made of them."""
