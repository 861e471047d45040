"""Who wishes to be found, and how large the community is."""
