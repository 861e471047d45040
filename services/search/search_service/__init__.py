"""The index of accounts, posts and hashtags."""

__version__ = "0.1.0"
