"""Profiles and relationships."""

__version__ = "0.1.0"
