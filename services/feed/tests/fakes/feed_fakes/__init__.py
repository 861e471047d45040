"""In-memory stand-ins of feed's engines. The tests that run over them and over engines keep them honest."""
