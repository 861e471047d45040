"""Words and posts that an account does not want to meet."""
