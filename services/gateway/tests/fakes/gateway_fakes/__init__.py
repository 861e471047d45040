"""The services as the gateway calls them, in memory: enough of their rules to answer as they do."""
