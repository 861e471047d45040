"""What analytics makes of others' events."""
