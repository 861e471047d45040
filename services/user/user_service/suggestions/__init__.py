"""Whom accounts may want to follow."""
