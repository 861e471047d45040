"""Reports, decisions and the audit log."""

__version__ = "0.1.0"
