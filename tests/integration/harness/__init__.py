"""Drives a running platform in tests: people, engines, and waiting without sleeping."""
