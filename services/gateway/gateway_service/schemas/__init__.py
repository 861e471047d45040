"""Messages of the services as the entities of the public API."""
