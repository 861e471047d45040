"""Accounts that their owners delete, and what is erased of them."""
