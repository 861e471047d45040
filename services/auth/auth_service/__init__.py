"""Credentials, sessions, OAuth2 applications and tokens."""

__version__ = "0.1.0"
