"""Posts and media."""

__version__ = "0.1.0"
