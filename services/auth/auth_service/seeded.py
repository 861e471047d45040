"""The operator's command that makes tokens of people who were made up, over connections of its own."""

from __future__ import annotations

from contextlib import AsyncExitStack

from auth_service.app import WORKERS, Auth, emails_of
from auth_service.clients import UserClient
from auth_service.clients.json_http import JsonHttp
from auth_service.config import Settings
from auth_service.errors import NotSeeded
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.links import LinkRepository
from auth_service.repository.passkeys import PasskeyRepository
from auth_service.repository.written import WrittenMailRepository
from auth_service.service.seeded import SeededAccounts
from rookery.user.v1.user_service_pb2_grpc import UserServiceStub
from rookery_common.app import Command
from rookery_common.clients.postgres import Postgres
from rookery_common.clock import SystemClock
from rookery_common.ids import Snowflake
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.producer import Producer
from rookery_common.rpc import RpcClient
from rookery_common.worker_leases import PostgresWorkerLease


async def seeded_token(username: str, in_production: bool) -> str:
    """A token of somebody who was made up; what to tell the operator."""
    settings, clock = Settings(), SystemClock()
    if not settings.local_mode and not in_production:
        raise NotSeeded("this is no local platform; to act as somebody made up here, say --in-production")
    pg = Postgres.from_settings(settings, name="auth")
    # Its outbox stays empty: nobody is told of such an account.
    outbox = PostgresOutbox(pg, Producer(settings, "auth"), "auth")
    lease = PostgresWorkerLease(pg, clock, WORKERS)
    user = RpcClient(settings, settings.user_target, UserServiceStub, service="user")
    repository, accounts, users = AuthRepository(pg, outbox), AccountRepository(pg, outbox), UserClient(user)
    stores = (repository, accounts, PasskeyRepository(pg), LinkRepository(pg), WrittenMailRepository(pg))
    auth = Auth(settings, *stores, users, JsonHttp(), Snowflake(clock, lease.worker), clock)
    async with AsyncExitStack() as started:
        for component in (pg, lease, user, auth.passwords):
            await component.start()
            started.push_async_callback(component.stop)
        emails, _ = emails_of(settings)
        seeded = SeededAccounts(repository, accounts, users, auth.apps, auth.sessions, auth.passwords, emails, clock)
        made = await seeded.token(username)
    ends = f"end it by revoke-app {made.app.client_id}"
    return f"{username} ({made.account_id})\ntoken: {made.access_token} (shown once; {ends})"


COMMANDS = {
    "seeded-token": Command(
        seeded_token,
        {"username": None},
        "Make a token of somebody whom `rookery load seed` has made up.",
        {"in-production": "also where the platform is not a local one"},
    ),
}
