"""The rules of notification, by use case."""
