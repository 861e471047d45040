"""The rules of posts and media, one file for each use case."""
