"""What the staff tells everybody."""
