"""Posts made up for people who are made up, with as many likes as are wanted: to try things on, and to measure them."""
