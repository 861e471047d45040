"""All that there is, page by page, for those who keep views of it."""
