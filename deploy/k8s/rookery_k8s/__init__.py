"""Proves the platform on whatever cluster kubectl points at."""
