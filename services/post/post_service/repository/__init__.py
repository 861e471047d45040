"""What the service stores: posts and media in CQL, their cache in Redis, files in S3."""
