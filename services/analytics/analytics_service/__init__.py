"""Windowed counts and insights."""

__version__ = "0.1.0"
