"""What every Rookery service shares; it holds no word of the domain."""

__version__ = "0.1.0"
