"""Home timelines: fan-out, storage and live delivery."""

__version__ = "0.1.0"
