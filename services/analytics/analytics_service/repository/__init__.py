"""Measures and the archive in CQL and S3."""
