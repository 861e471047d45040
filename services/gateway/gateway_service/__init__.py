"""The public edge: the Mastodon client API, streams, and the one place that composes answers."""

__version__ = "0.1.0"
