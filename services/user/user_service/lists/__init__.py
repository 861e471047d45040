"""Lists of followed accounts, each with a timeline of its own."""
