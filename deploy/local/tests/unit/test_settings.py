"""What is written for each instance: settings of engines and of the process manager, and each service's environment."""

import configparser
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from rookery_local import instance as instances
from rookery_local.engines.engine import Program, settings_from
from rookery_local.engines.redis import access_rules
from rookery_local.engines.s3 import public_read_policy
from rookery_local.errors import LocalError
from rookery_local.instance import LOCAL, SOCKET_PATH_LIMIT, Instance
from rookery_local.ports import default_ports
from rookery_local.secrets_file import Secrets
from rookery_local.services import SERVICES, Service, environment, full_environment
from rookery_local.supervise import settings


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path, tmp_path / "data", default_ports(), Secrets(tmp_path / "secrets.json"), None)


def _service(name: str, instance: Instance) -> dict[str, str]:
    return environment(instance, next(service for service in SERVICES if service.name == name))


def test_a_service_is_told_where_it_listens_and_whom_it_calls(instance: Instance) -> None:
    values = _service("feed", instance)
    assert values["FEED_GRPC_ADDRESS"] == "127.0.0.1:7004"
    assert values["FEED_HEALTH_ADDRESS"] == "127.0.0.1:7104"
    assert values["FEED_POST_TARGET"] == "127.0.0.1:7003"
    assert "FEED_FEED_TARGET" not in values
    assert "FEED_GATEWAY_TARGET" not in values


def test_the_gateway_listens_for_http_and_has_no_grpc_address(instance: Instance) -> None:
    values = _service("gateway", instance)
    assert values["GATEWAY_HTTP_ADDRESS"] == "127.0.0.1:8080"
    assert "GATEWAY_GRPC_ADDRESS" not in values


def test_user_alone_reads_from_the_replica(instance: Instance) -> None:
    told = {service.name: environment(instance, service) for service in SERVICES}
    replica = told["user"]["USER_POSTGRES_REPLICA_DSN"]
    assert replica == told["user"]["USER_POSTGRES_DSN"].replace(":5432/", ":5433/")
    assert [name for name, values in told.items() if any("REPLICA_DSN" in key for key in values)] == ["user"]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_is_handed_no_secret_of_another(instance: Instance, service: object) -> None:
    everybody = {one.name: set(environment(instance, one).values()) for one in SERVICES}
    own = next(name for name in everybody if service == next(one for one in SERVICES if one.name == name))
    secrets = instance.secrets
    foreign = {
        secrets.password(f"{store}.{other.account if store not in ('redis_cache', 'redis_state') else other.name}")
        for other in SERVICES
        if other.name != own
        for store in ("postgres", "cassandra", "redis_cache", "redis_state", "s3")
    }
    foreign |= {secrets.key(f"master.{other.name}") for other in SERVICES if other.name != own}
    said = " ".join(everybody[own])
    assert not [value for value in foreign if value in said]


def test_tests_are_told_everything(instance: Instance) -> None:
    values = full_environment(instance)
    assert values["ROOKERY_URL"] == "http://127.0.0.1:8080"
    assert values["ROOKERY_INSTANCE"] == str(instance.root)
    assert {f"{service.prefix}_MASTER_KEY" for service in SERVICES} <= values.keys()


def test_secrets_are_made_once_and_read_by_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = Secrets(path)
    values = first.password("a"), first.key("b")
    assert first.password("c") not in values
    again = Secrets(path)
    assert (again.password("a"), again.key("b")) == values
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_process_manager_reads_what_is_written_for_it(instance: Instance) -> None:
    told = {"FEED_X": "1,2%", "FEED_Y": '{"a": "b"}'}
    program = Program("feed", ["/bin/echo", 'a "quoted" word', "100%"], instance.root, told, "INT", 7)
    parser = configparser.RawConfigParser()
    parser.read_string(settings(instance, {"engines": [], "services": [program]}))
    section = dict(parser["program:feed"])
    assert section["command"] == r'"/bin/echo" "a \"quoted\" word" "100%%"'
    assert section["environment"] == """FEED_X="1,2%%",FEED_Y='{"a": "b"}'"""
    assert (section["stopsignal"], section["stopwaitsecs"], section["autorestart"]) == ("INT", "7", "false")
    assert parser["group:services"]["programs"] == "feed"
    assert "group:engines" not in parser


def test_services_stop_before_engines(instance: Instance) -> None:
    groups = {group: [Program(group[0], ["true"], instance.root)] for group in ("engines", "services")}
    parser = configparser.RawConfigParser()
    parser.read_string(settings(instance, groups))
    assert int(parser["group:services"]["priority"]) > int(parser["group:engines"]["priority"])


def test_a_long_path_moves_the_control_socket(tmp_path: Path) -> None:
    ports, secrets = default_ports(), Secrets(tmp_path / "secrets.json")
    near = Instance(Path("/a"), Path("/a/data"), ports, secrets, None)
    far = Instance(Path("/" + "a" * 120), Path("/a/data"), ports, secrets, None)
    assert near.control == Path("/a/control.sock")
    assert len(str(far.control)) <= SOCKET_PATH_LIMIT


def test_a_redis_user_is_bound_to_its_prefix_and_its_password_is_hashed(instance: Instance) -> None:
    rules = access_rules(instance, "redis_state")
    line = next(line for line in rules.splitlines() if line.startswith("user feed "))
    assert " ~feed:* &feed:* " in line
    assert "-@admin -@dangerous" in line
    assert rules.startswith("user default off")
    assert instance.secrets.password("redis_state.feed") not in rules


def test_only_published_media_is_public() -> None:
    public, own = public_read_policy("bucket", "rookery_post")["Statement"]
    assert (public["Principal"], public["Action"]) == ("*", "s3:GetObject")
    assert public["Resource"] == "arn:aws:s3:::bucket/media/*"
    assert own["Principal"] == {"AWS": ["rookery_post"]}


def test_cassandra_listens_on_loopback_with_passwords() -> None:
    text = settings_from("cassandra.yaml", host="127.0.0.1", port=1, storage_port=2, data="/d")
    document = yaml.safe_load(text)
    assert document["rpc_address"] == document["listen_address"] == "127.0.0.1"
    assert document["authenticator"]["class_name"] == "PasswordAuthenticator"
    assert document["native_transport_port"] == 1


@pytest.mark.parametrize("path", sorted((LOCAL / "config").iterdir()), ids=lambda path: path.name)
def test_no_settings_listen_beyond_loopback(path: Path) -> None:
    assert "0.0.0.0" not in path.read_text()  # noqa: S104 - it must not be there


def test_an_instance_is_reopened_as_it_was_started(tmp_path: Path) -> None:
    ports = default_ports() | {"gateway": 18080}
    instance = Instance(tmp_path, tmp_path / "data", ports, Secrets(tmp_path / "secrets.json"), None)
    instance.save(engines_only=True)
    assert instances.load(tmp_path).url == "http://127.0.0.1:18080"


def test_an_instance_on_another_address_is_told_so_everywhere(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / "secrets.json")
    instance = Instance(tmp_path, tmp_path / "data", default_ports(), secrets, None, host="10.0.0.7")
    instance.save(engines_only=True)
    values = full_environment(instances.load(tmp_path))
    assert values["POST_CQL_HOSTS"] == "10.0.0.7"
    assert not [name for name, value in values.items() if "127.0.0.1" in value]


@pytest.fixture
def secured(tmp_path: Path) -> Instance:
    return Instance(tmp_path, tmp_path / "data", default_ports(), Secrets(tmp_path / "secrets.json"), None, secure=True)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_in_a_secure_instance_a_service_is_told_of_no_plain_way(secured: Instance, service: Service) -> None:
    values = environment(secured, service)
    public = values.pop(f"{service.prefix}_PUBLIC_URL")
    assert public.startswith("http://")
    assert not [value for value in values.values() if value.startswith(("http:", "redis:"))]
    switches = {"KAFKA_TLS"} | {
        name for name, used in (("POSTGRES_TLS", service.postgres), ("CQL_TLS", service.cql)) if used
    }
    assert {values[f"{service.prefix}_{name}"] for name in switches} == {"true"}


def test_a_service_is_handed_a_certificate_with_both_of_its_names(secured: Instance) -> None:
    values = _service("feed", secured)
    certificate = x509.load_pem_x509_certificate(Path(values["FEED_TLS_CERT_FILE"]).read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["feed"]
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://rookery/feed"]
    authority = x509.load_pem_x509_certificate(Path(values["FEED_TLS_CA_FILE"]).read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert stat.S_IMODE(Path(values["FEED_TLS_KEY_FILE"]).stat().st_mode) == 0o600
    assert _service("feed", secured) == values


def test_an_instance_stays_as_secure_as_it_was_made(tmp_path: Path, secured: Instance) -> None:
    secured.save(engines_only=True)
    assert instances.load(tmp_path).secure
    with pytest.raises(LocalError, match="with --secure"):
        instances.create(tmp_path, default_ports(), secure=False)
