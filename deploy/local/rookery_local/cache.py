"""Where downloaded engines lie: outside the repository, shared by every clone, one folder for each pinned version."""

import hashlib
import os
import shutil
from pathlib import Path

from rookery_local.errors import LocalError
from rookery_local.instance import LOCAL

POM = LOCAL / "engines.pom.xml"
JAVA_VERSION = 17
JAVA_ENGINES = ("kafka", "cassandra", "elasticsearch")
VERSITYGW = "1.8.0"
HELM = "4.3.1"
KUBECONFORM = "0.8.0"
ELASTICSEARCH_FOLDER = "elasticsearch-8.19.8"


def cache_folder() -> Path:
    """ROOKERY_CACHE, or the usual place; the engines' user must be able to read it."""
    if named := os.environ.get("ROOKERY_CACHE"):
        return Path(named).resolve()
    return Path("/var/cache/rookery") if os.getuid() == 0 else Path.home() / ".cache" / "rookery"


def jars(engine: str) -> Path:
    """An engine's Java archives, in a folder named after the hash of the file that pins them."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    return cache_folder() / f"jars-{digest}" / engine


def jars_present() -> bool:
    """Whether nothing is left for Maven to do."""
    return all(jars(engine).is_dir() for engine in JAVA_ENGINES)


def elasticsearch_home() -> Path:
    """The unpacked distribution."""
    return jars("elasticsearch") / ELASTICSEARCH_FOLDER


def versitygw() -> Path:
    """The S3 server's program."""
    return go_program("versitygw", VERSITYGW)


def go_program(name: str, version: str) -> Path:
    """A program that was built of a Go module."""
    return cache_folder() / f"{name}-{version}" / name


def java() -> Path | None:
    """Java 17: what Cassandra 5 and Elasticsearch 8 are both made for."""
    named = os.environ.get("ROOKERY_JAVA_HOME")
    homes = [Path(named)] if named else sorted(Path("/usr/lib/jvm").glob(f"*{JAVA_VERSION}*"))
    found = shutil.which("java")
    if found and not named:
        homes.append(Path(found).resolve().parents[1])
    for home in homes:
        release = home / "release"
        if (home / "bin" / "java").exists() and release.exists() and f'"{JAVA_VERSION}' in release.read_text():
            return home / "bin" / "java"
    return None


def require_java() -> Path:
    """Java 17's program, or an error that says what to do."""
    found = java()
    if found is None:
        raise LocalError("Java 17 is missing: run `make install`, or set ROOKERY_JAVA_HOME.")
    return found


def postgres_programs() -> Path | None:
    """The folder with initdb and postgres: Debian keeps it off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None
