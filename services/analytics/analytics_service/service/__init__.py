"""The rules of counting, reading and archiving."""
