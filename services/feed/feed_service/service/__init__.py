"""The rules of feed, by use case."""
