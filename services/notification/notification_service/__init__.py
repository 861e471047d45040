"""What a user is told."""

__version__ = "0.1.0"
