"""One's own profile: what others see of an account, and what its owner has chosen for its own posts."""
