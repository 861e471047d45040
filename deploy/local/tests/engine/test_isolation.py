"""One service's log-in is refused on another's store, in each kind of engine. Needs the real ones (`make test`)."""

import http.client
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import boto3
import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ClientError
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import WhiteListRoundRobinPolicy

if "ROOKERY_INSTANCE" not in os.environ:
    pytest.fail("These tests need real engines: python -m rookery_local exec --engines -- pytest …", pytrace=False)


def _variable(name: str) -> str:
    return os.environ[name]


# Postgres


async def test_a_postgres_role_enters_its_own_database() -> None:
    connection = await asyncpg.connect(_variable("AUTH_POSTGRES_DSN"))
    try:
        await connection.execute("CREATE TABLE isolation (id int)")
        await connection.execute("DROP TABLE isolation")
    finally:
        await connection.close()


@pytest.mark.parametrize("database", ["rookery_user", "rookery_moderation", "postgres", "template1"])
async def test_a_postgres_role_is_refused_on_another_database(database: str) -> None:
    dsn = urlsplit(_variable("AUTH_POSTGRES_DSN"))._replace(path=f"/{database}").geturl()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(dsn)


async def test_a_wrong_postgres_password_is_refused() -> None:
    dsn = _variable("AUTH_POSTGRES_DSN").replace("rookery_auth@", "").replace("rookery_auth:", "rookery_auth:x")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn)


# Cassandra


@contextmanager
def _cql(user: str, password: str) -> Iterator[Session]:
    host = _variable("POST_CQL_HOSTS")
    cluster = Cluster(
        [host],
        port=int(_variable("POST_CQL_PORT")),
        auth_provider=PlainTextAuthProvider(user, password),
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(WhiteListRoundRobinPolicy([host]))},
        protocol_version=4,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def test_a_cql_role_owns_its_keyspace_and_no_other() -> None:
    with _cql(_variable("POST_CQL_USERNAME"), _variable("POST_CQL_PASSWORD")) as session:
        session.execute("CREATE TABLE rookery_post.isolation (id int PRIMARY KEY)")
        session.execute("INSERT INTO rookery_post.isolation (id) VALUES (1)")
        assert session.execute("SELECT id FROM rookery_post.isolation").one().id == 1
        session.execute("DROP TABLE rookery_post.isolation")
        for refused in (
            "CREATE TABLE rookery_feed.isolation (id int PRIMARY KEY)",
            "DROP KEYSPACE rookery_feed",
            "SELECT role FROM system_auth.roles",
            "CREATE KEYSPACE mine WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        ):
            with pytest.raises(Unauthorized):
                session.execute(refused)


def test_a_cql_role_cannot_read_another_keyspace() -> None:
    with _cql(_variable("FEED_CQL_USERNAME"), _variable("FEED_CQL_PASSWORD")) as owner:
        owner.execute("CREATE TABLE rookery_feed.isolation (id int PRIMARY KEY)")
        try:
            with (
                _cql(_variable("POST_CQL_USERNAME"), _variable("POST_CQL_PASSWORD")) as other,
                pytest.raises(Unauthorized),
            ):
                other.execute("SELECT id FROM rookery_feed.isolation")
        finally:
            owner.execute("DROP TABLE rookery_feed.isolation")


def test_the_known_first_cql_password_is_refused() -> None:
    with pytest.raises(NoHostAvailable), _cql("cassandra", "cassandra"):
        pass


# Redis


@pytest.fixture(params=["CACHE", "STATE"])
def feed_redis(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(_variable(f"FEED_REDIS_{request.param}_URL")) as client:
        yield client


def test_a_redis_user_reaches_its_own_keys_and_channels(feed_redis: redis.Redis) -> None:
    feed_redis.set("feed:isolation", "1", ex=5)
    assert feed_redis.eval("return redis.call('GET', KEYS[1])", 1, "feed:isolation") == b"1"
    assert feed_redis.publish("feed:isolation", "x") == 0
    assert "redis_version" in feed_redis.info()


@pytest.mark.parametrize(
    "words",
    [
        ["GET", "post:1"],
        ["SET", "post:1", "x"],
        ["EVAL", "return redis.call('GET', KEYS[1])", "1", "post:1"],
        ["PUBLISH", "post:events", "x"],
        ["SUBSCRIBE", "post:events"],
        ["KEYS", "*"],
        ["FLUSHALL"],
        ["CONFIG", "GET", "*"],
        ["ACL", "LIST"],
    ],
    ids=" ".join,
)
def test_a_redis_user_is_refused_beyond_its_keys(feed_redis: redis.Redis, words: list[str]) -> None:
    with pytest.raises(redis.ResponseError, match=r"(?i)permission|access"):
        feed_redis.execute_command(*words)  # type: ignore[no-untyped-call] # redis has no types for this one


def test_redis_without_a_log_in_is_refused() -> None:
    address = urlsplit(_variable("FEED_REDIS_CACHE_URL"))
    with (
        redis.Redis(host=str(address.hostname), port=int(address.port or 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


# S3


def _s3(service: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=_variable(f"{service}_S3_ENDPOINT"),
        aws_access_key_id=_variable(f"{service}_S3_ACCESS_KEY"),
        aws_secret_access_key=_variable(f"{service}_S3_SECRET_KEY"),
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}),
    )


def _refused(error: pytest.ExceptionInfo[ClientError]) -> bool:
    return bool(error.value.response["ResponseMetadata"]["HTTPStatusCode"] == http.client.FORBIDDEN)


def test_an_s3_account_is_refused_on_another_bucket() -> None:
    post, analytics = _variable("POST_S3_BUCKET"), _variable("ANALYTICS_S3_BUCKET")
    owner, other = _s3("ANALYTICS"), _s3("POST")
    owner.put_object(Bucket=analytics, Key="isolation", Body=b"1")
    calls: tuple[Callable[[], Any], ...] = (
        lambda: other.get_object(Bucket=analytics, Key="isolation"),
        lambda: other.put_object(Bucket=analytics, Key="mine", Body=b"1"),
        lambda: other.list_objects_v2(Bucket=analytics),
        lambda: other.delete_object(Bucket=analytics, Key="isolation"),
        lambda: other.create_bucket(Bucket="rookery-mine"),
        lambda: owner.put_object(Bucket=post, Key="media/theirs", Body=b"1"),
        lambda: owner.list_objects_v2(Bucket=post),
    )
    for call in calls:
        with pytest.raises(ClientError) as error:
            call()
        assert _refused(error)


def _anonymous_status(method: str, bucket: str, key: str) -> int:
    address = urlsplit(_variable("POST_S3_ENDPOINT"))
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        connection.request(method, f"/{bucket}/{key}", body=b"x" if method == "PUT" else None)
        return connection.getresponse().status
    finally:
        connection.close()


def test_anybody_reads_published_media_and_nothing_else() -> None:
    bucket, client = _variable("POST_S3_BUCKET"), _s3("POST")
    for key in ("media/isolation", "incoming/isolation"):
        client.put_object(Bucket=bucket, Key=key, Body=b"1")
    assert _anonymous_status("GET", bucket, "media/isolation") == http.client.OK
    assert _anonymous_status("GET", bucket, "incoming/isolation") == http.client.FORBIDDEN
    assert _anonymous_status("GET", bucket, "?list-type=2") == http.client.FORBIDDEN
    assert _anonymous_status("PUT", bucket, "media/theirs") == http.client.FORBIDDEN
    assert _anonymous_status("DELETE", bucket, "media/isolation") == http.client.FORBIDDEN
