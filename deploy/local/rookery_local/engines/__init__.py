"""The engines, each in a file of its own: what it is started with, when it is ready, what is made inside."""

from rookery_local.engines import cassandra, elasticsearch, kafka, postgres, postgres_replica, redis, s3
from rookery_local.engines.engine import Engine

ENGINES: tuple[Engine, ...] = (
    cassandra.ENGINE,
    kafka.ENGINE,
    elasticsearch.ENGINE,
    postgres.ENGINE,
    postgres_replica.ENGINE,
    redis.CACHE,
    redis.STATE,
    s3.ENGINE,
)
