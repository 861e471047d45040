"""Every statement and script of feed, by what it keeps."""
