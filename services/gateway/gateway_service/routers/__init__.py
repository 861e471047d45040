"""The routes of the public API, a file for each noun."""
