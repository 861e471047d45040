"""What is backed up of a CQL keyspace is restored on a running node, by the operators' scripts."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cassandra.cluster import Session
from rookery_local import instance as instances
from rookery_local.cache import jars, require_java
from rookery_local.engines.cassandra import connected
from rookery_local.instance import LOCAL, REPOSITORY, Instance
from rookery_local.shell import plain_environment

SECONDS = 90.0
OPTIONS = LOCAL / "config" / "cassandra-jvm17.options"
POSTS, AUTHORS = 2_000, 20
# What the scripts use of cqlsh, which comes with no archive of the engine.
CQLSH = """#!{python}
import sys
from pathlib import Path
from rookery_local import instance as instances
from rookery_local.engines.cassandra import connected
option, given = sys.argv[1:]
instance = instances.load(Path({root!r}))
texts = [given] if option == "-e" else [part for part in Path(given).read_text().split(";\\n") if part.strip()]
with connected(instance, "cassandra", instance.secrets.password("cassandra.cassandra")) as session:
    for text in texts:
        for row in session.execute(text):
            print(row.create_statement)
"""
NODETOOL = """#!/bin/sh
exec {java} -Xmx128m -XX:TieredStopAtLevel=1 @{options} -Duser.home={home} -cp '{jars}/*' \\
  org.apache.cassandra.tools.NodeTool -p {port} "$@"
"""


@dataclass(frozen=True)
class Node:
    """The node under test, and what the scripts need to know of it."""

    instance: Instance
    folder: Path

    def script(self, name: str, *arguments: str | Path) -> str:
        """Runs one of the scripts; what it says. Raises AssertionError."""
        environment = plain_environment() | {
            "NODETOOL": str(self.folder / "nodetool"),
            "CQLSH": str(self.folder / "cqlsh"),
            "PYTHONPATH": str(REPOSITORY / "deploy" / "local"),
        }
        words = [str(REPOSITORY / "deploy" / "backup" / name), *map(str, arguments)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603 - ours
        if done.returncode != 0:
            raise AssertionError(f"{name}: {done.stdout}\n{done.stderr}")
        return done.stdout.strip()

    def snapshot(self, keyspace: str) -> Path:
        """A backup of the keyspace."""
        data = self.instance.data / "cassandra" / "data" / "data"
        return Path(self.script("cql-snapshot.sh", keyspace, data, self.folder / "backups").splitlines()[-1])

    def restore(self, backup: Path, keyspace: str) -> None:
        """The keyspace, from the backup."""
        self.script("cql-restore.sh", backup, keyspace, self.instance.folder("cassandra", "staging"))


@pytest.fixture
def node() -> Iterator[Node]:
    instance = instances.load(Path(os.environ["ROOKERY_INSTANCE"]))
    with tempfile.TemporaryDirectory(prefix="rookery-drill-") as path:
        folder = Path(path)
        port = os.environ["ROOKERY_TEST_CQL_JMX_PORT"]
        nodetool = NODETOOL.format(java=require_java(), jars=jars("cassandra"), port=port, home=folder, options=OPTIONS)
        cqlsh = CQLSH.format(python=sys.executable, root=str(instance.root))
        for name, text in (("nodetool", nodetool), ("cqlsh", cqlsh)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        yield Node(instance, folder)


@pytest.fixture
def session(node: Node) -> Iterator[Session]:
    with connected(node.instance, "cassandra", node.instance.secrets.password("cassandra.cassandra")) as made:
        yield made


@pytest.fixture
def keyspace(session: Session) -> Iterator[str]:
    name = f"drill_{uuid.uuid4().hex[:12]}"
    replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}"
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
    session.set_keyspace(name)
    session.execute(
        "CREATE TABLE posts (author bigint, id bigint, text text, at timestamp, PRIMARY KEY (author, id))"
        " WITH CLUSTERING ORDER BY (id DESC) AND default_time_to_live = 864000"
    )
    session.execute("CREATE TABLE marks (post bigint PRIMARY KEY, tags set<text>, gone boolean)")
    session.execute("CREATE TABLE empty (id bigint PRIMARY KEY)")
    yield name
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")


def fill(session: Session) -> None:
    """Posts, marks, and a deletion, which must stay one."""
    post = session.prepare("INSERT INTO posts (author, id, text, at) VALUES (?, ?, ?, toTimestamp(now()))")
    mark = session.prepare("INSERT INTO marks (post, tags) VALUES (?, ?)")
    futures = [session.execute_async(post, (number % AUTHORS, number, "A rook" * 20)) for number in range(POSTS)]
    futures += [session.execute_async(mark, (number, {"a", "b"})) for number in range(POSTS // 10)]
    for future in futures:
        future.result()
    session.execute("DELETE FROM posts WHERE author = 7")


def content(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Every row, with when it was written and what is left of its life."""
    rows = {
        "posts": session.execute("SELECT author, id, text, at, writetime(text) FROM posts"),
        "marks": session.execute("SELECT post, tags FROM marks"),
        "empty": session.execute("SELECT id FROM empty"),
    }
    return {table: sorted(map(tuple, found), key=repr) for table, found in rows.items()}


def test_a_keyspace_that_is_gone_is_restored_as_it_was(node: Node, session: Session, keyspace: str) -> None:
    fill(session)
    before = content(session)
    assert len(before["posts"]) == POSTS - POSTS // AUTHORS
    backup = node.snapshot(keyspace)
    session.execute("INSERT INTO marks (post) VALUES (-1)")  # after the backup
    session.execute(f"DROP KEYSPACE {keyspace}")
    node.restore(backup, keyspace)
    assert content(session) == before
    described = {row.name: row.create_statement for row in session.execute(f"DESCRIBE KEYSPACE {keyspace}")}
    assert "default_time_to_live = 864000" in described["posts"]
    damaged = next(backup.glob("posts/*-Data.db"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(AssertionError, match="checksum"):
        node.restore(backup, keyspace)
