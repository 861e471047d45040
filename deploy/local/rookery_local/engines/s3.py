"""versitygw as S3: files in a folder, an account and a bucket for each service that stores in it."""

import http.client
import json
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from rookery_local import secure
from rookery_local.cache import versitygw
from rookery_local.engines.engine import Engine, NotReady, Program, http_connection
from rookery_local.errors import LocalError
from rookery_local.instance import Instance
from rookery_local.services import SERVICES

ADMIN = "rookery_admin"
PUBLIC_PREFIX = "media/*"
_REGION = "us-east-1"


def prepare(instance: Instance) -> Program:
    """The administrator's key goes by environment, so that `ps` shows none."""
    objects, accounts = instance.folder("s3", "objects"), instance.folder("s3", "accounts")
    environment = {
        "ROOT_ACCESS_KEY": ADMIN,
        "ROOT_SECRET_KEY": instance.secrets.password(f"s3.{ADMIN}"),
    }
    words = [str(versitygw()), "--port", f"{instance.host}:{instance.ports['s3']}", "--region", _REGION, "--quiet"]
    if instance.secure:
        files = secure.engine_files(instance, "s3")
        words += ["--cert", str(files.certificate), "--key", str(files.key)]
    words += ["--iam-dir", str(accounts), "posix", str(objects)]
    return Program("s3", [*instance.as_engine_user(), *words], objects.parent, environment)


def client(instance: Instance, account: str) -> Any:
    """A boto3 client of one account."""
    return boto3.client(
        "s3",
        endpoint_url=f"{'https' if instance.secure else 'http'}://{instance.host}:{instance.ports['s3']}",
        verify=str(secure.authority(instance).file) if instance.secure else None,
        aws_access_key_id=account,
        aws_secret_access_key=instance.secrets.password(f"s3.{account}"),
        region_name=_REGION,
        config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}),
    )


def check(instance: Instance) -> None:
    """The administrator's list of buckets is answered."""
    try:
        client(instance, ADMIN).list_buckets()
    except (BotoCoreError, ClientError) as error:
        raise NotReady(str(error)) from error


def provision(instance: Instance) -> None:
    """Makes each service's account and bucket; what lies under media/ in the post bucket is public to read."""
    buckets = {bucket["Name"] for bucket in client(instance, ADMIN).list_buckets()["Buckets"]}
    for service in SERVICES:
        if service.bucket is None:
            continue
        _make_account(instance, service.account)
        if service.bucket not in buckets:
            _ask(instance, f"/{service.bucket}/create", b"", {"x-vgw-owner": service.account}, (http.client.CREATED,))
        if service.name == "post":
            policy = json.dumps(public_read_policy(service.bucket, service.account))
            client(instance, ADMIN).put_bucket_policy(Bucket=service.bucket, Policy=policy)


def public_read_policy(bucket: str, owner: str) -> dict[str, Any]:
    """Anybody may fetch an object under media/, and nothing else.

    The owner is named too: in versitygw a bucket with a policy has no other rights than those in it."""
    arn = f"arn:aws:s3:::{bucket}"
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/{PUBLIC_PREFIX}"}
    own = {"Effect": "Allow", "Principal": {"AWS": [owner]}, "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return {"Version": "2012-10-17", "Statement": [{"Sid": "PublicMedia", **public}, {"Sid": "Owner", **own}]}


def _make_account(instance: Instance, account: str) -> None:
    secret = instance.secrets.password(f"s3.{account}")
    fields = {"Access": account, "Secret": secret, "Role": "user", "UserID": "0", "GroupID": "0", "ProjectID": "0"}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    body = f"<Account>{inner}</Account>".encode()
    _ask(instance, "/create-user", body, {}, (http.client.CREATED, http.client.CONFLICT))


def _ask(instance: Instance, path: str, body: bytes, headers: dict[str, str], expected: tuple[int, ...]) -> None:
    """A signed request to the server's own administration routes, which boto3 does not know."""
    port = instance.ports["s3"]
    scheme = "https" if instance.secure else "http"
    request = AWSRequest("PATCH", f"{scheme}://{instance.host}:{port}{path}", data=body, headers=headers)
    credentials = Credentials(ADMIN, instance.secrets.password(f"s3.{ADMIN}"))
    S3SigV4Auth(credentials, "s3", _REGION).add_auth(request)
    connection = http_connection(instance, port, 10)
    try:
        connection.request("PATCH", path, body=body, headers=dict(request.headers.items()))
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status not in expected:
        raise LocalError(f"versitygw answered {answer.status} to {path}: {text[:300]}")


ENGINE = Engine("s3", ("s3",), prepare, check, provision)
