"""What accounts take along to another server."""
