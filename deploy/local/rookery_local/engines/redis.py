"""Two Redis servers: one for what can be computed again, one for state. A service's user is bound to its own keys."""

import hashlib
import shutil
from functools import partial

import redis

from rookery_local import secure
from rookery_local.engines.engine import Engine, NotReady, Program, settings_from
from rookery_local.errors import LocalError
from rookery_local.instance import Instance
from rookery_local.services import SERVICES, redis_url

# Everything but what reaches beyond one's own keys, or stops the server for everybody.
_COMMANDS = "+@all -@admin -@dangerous +info -script|flush -script|kill -function"


def access_rules(instance: Instance, engine: str) -> str:
    """The ACL file: passwords as hashes; the nameless user is off."""
    lines = ["user default off resetchannels -@all", f"user admin on #{_hash(instance, engine, 'admin')} ~* &* +@all"]
    for service in SERVICES:
        if service.redis:
            name = service.name
            password = _hash(instance, engine, name)
            lines.append(f"user {name} on #{password} resetchannels ~{name}:* &{name}:* {_COMMANDS}")
    return "\n".join(lines) + "\n"


def _hash(instance: Instance, engine: str, user: str) -> str:
    return hashlib.sha256(instance.secrets.password(f"{engine}.{user}").encode()).hexdigest()


def prepare(engine: str, instance: Instance) -> Program:
    """Writes the settings and the ACL file."""
    program = shutil.which("redis-server")
    if program is None:
        raise LocalError("redis-server is missing: run `make install`.")
    folder, data = instance.folder(engine), instance.folder(engine, "data")
    rules = instance.write(folder / "users.acl", access_rules(instance, engine))
    template = f"{engine.replace('_', '-')}.conf"
    text = settings_from(template, host=instance.host, port=instance.ports[engine], data=data, acl=rules)
    if instance.secure:
        files = secure.engine_files(instance, engine)
        text += settings_from(
            "redis-secure.conf",
            port=instance.ports[engine],
            certificate=files.certificate,
            key=files.key,
            authority=files.authority,
        )
    settings = instance.write(folder / "redis.conf", text)
    return Program(engine, [*instance.as_engine_user(), program, str(settings)], folder)


def _admin(instance: Instance, engine: str, seconds: float) -> redis.Redis:
    url = redis_url(instance, engine, "admin")
    if not instance.secure:
        return redis.Redis.from_url(url, socket_timeout=seconds)
    ca = str(secure.authority(instance).file)
    return redis.Redis.from_url(url.replace("redis:", "rediss:", 1), socket_timeout=seconds, ssl_ca_certs=ca)


def check(engine: str, instance: Instance) -> None:
    """The administrator's PING is answered, and the append-only file has been read."""
    with _admin(instance, engine, 2) as client:
        try:
            client.ping()
        except (redis.RedisError, OSError) as error:
            raise NotReady(str(error)) from error


def provision(engine: str, instance: Instance) -> None:
    """A server that already ran learns of new users."""
    with _admin(instance, engine, 5) as client:
        client.acl_load()


def _engine(name: str) -> Engine:
    return Engine(name, (name,), partial(prepare, name), partial(check, name), partial(provision, name))


CACHE = _engine("redis_cache")
STATE = _engine("redis_state")
