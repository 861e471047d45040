"""A community made up, as large as is wanted: to try things on, and to measure them."""
