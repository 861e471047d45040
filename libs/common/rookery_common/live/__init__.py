"""News for accounts, on its way to open connections: from a service's writers to the streams of the gateway's replicas.

A writer announces it on capped Redis Streams (`streams`, `announcer`); each serving process reads them and hands what
comes to the gRPC streams that serve those accounts (`hub`, `serving`). It is a courtesy: what was lost shows as a gap.
"""
