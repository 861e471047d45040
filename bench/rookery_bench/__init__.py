"""A load generator that speaks only the public (Mastodon) API, so that it can measure any server that speaks it."""
