"""The rules of auth, one file per use case."""
