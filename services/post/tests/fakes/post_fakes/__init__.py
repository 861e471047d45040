"""In-memory stand-ins of post's engines and of the service that it calls."""
