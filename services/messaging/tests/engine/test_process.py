"""The whole process against real engines: two talk, one is told live, Kafka is told, and a restart loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import pytest_asyncio
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from messaging_service.consumers import POST_TOPIC
from messaging_service.events import TOPIC, ToldMessage, told_of
from rookery.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from rookery.messaging.v1 import direct_thread_service_pb2 as direct_pb
from rookery.messaging.v1 import messaging_service_pb2 as pb
from rookery.messaging.v1.direct_thread_service_pb2_grpc import DirectThreadServiceStub
from rookery.messaging.v1.messaging_service_pb2_grpc import MessagingServiceStub
from rookery.post.v1 import post_pb2
from rookery.post.v1.events_pb2 import PostCreated
from rookery.user.v1 import account_pb2, user_service_pb2, user_service_pb2_grpc
from rookery_common.auth import Identity, TokenSigner, public_jwks
from rookery_common.clients.cassandra import Cql
from rookery_common.clock import SystemClock
from rookery_common.config import CqlSettings
from rookery_common.kafka.consumer import Consumer
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.producer import Producer
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.process import environment_of, random_master_key, service_process
from rookery_common.testing.rpc import Network, settings_of
from rookery_common.testing.waiting import eventually

ALICE, BOB = 101, 102
IDLE_BYTES = 160 * 1024 * 1024
CALLERS = {"*": frozenset({"messaging"})}


class Auth(auth_service_pb2_grpc.AuthServiceServicer):
    """Has the key that this test signs with."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def sign(self, account_id: int) -> Identity:
        identity = Identity(account_id=account_id, session_id=1, app_id=1, scopes=frozenset({"read", "write"}))
        return replace(identity, token=TokenSigner(self._key, "test", SystemClock()).sign(identity))

    async def GetSigningKeys(self, request: Any, context: Any) -> auth_service_pb2.GetSigningKeysResponse:
        return auth_service_pb2.GetSigningKeysResponse(jwks_json=public_jwks({"test": self._key.public_key()}))


class User(user_service_pb2_grpc.UserServiceServicer):
    """Knows everyone, and nobody blocks."""

    async def BatchGetAccounts(self, request: Any, context: Any) -> user_service_pb2.BatchGetAccountsResponse:
        response = user_service_pb2.BatchGetAccountsResponse()
        for entry in request.entries:
            views = [user_service_pb2.AccountView(account_id=query.account_id) for query in entry.accounts]
            response.results.add(accounts=views)
        return response

    async def BatchGetRelationships(self, request: Any, context: Any) -> user_service_pb2.BatchGetRelationshipsResponse:
        response = user_service_pb2.BatchGetRelationshipsResponse()
        for entry in request.entries:
            relations = [account_pb2.Relationship(account_id=account_id) for account_id in entry.account_ids]
            response.results.add(relationships=relations)
        return response


@pytest_asyncio.fixture
async def network() -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(stack, None)


@pytest.fixture
def auth() -> Auth:
    return Auth()  # type: ignore[abstract] # the rest is not called


@pytest_asyncio.fixture
async def environment(
    cql: Cql,
    keyspace: CqlSettings,
    redis_url: str,
    redis_state_url: str,
    kafka_bootstrap: str,
    topic_prefix: str,
    network: Network,
    auth: Auth,
) -> dict[str, str]:
    """Of a process on the keyspace that the other tests have left empty."""
    assert cql
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    topics = [NewTopic(topic_prefix + name, 2, 1) for name in (TOPIC, POST_TOPIC)]
    for future in admin.create_topics(topics).values():
        await asyncio.wrap_future(future)
    add_auth = auth_service_pb2_grpc.add_AuthServiceServicer_to_server
    add_user = user_service_pb2_grpc.add_UserServiceServicer_to_server
    server = await network.serve(
        (add_auth, auth, "rookery.auth.v1.AuthService"),
        (add_user, User(), "rookery.user.v1.UserService"),  # type: ignore[abstract] # the rest is not called
        settings=settings_of("auth"),
        allowed_callers=CALLERS,
    )
    return {
        **environment_of("MESSAGING_", keyspace),
        "MESSAGING_MASTER_KEY": random_master_key(),
        "MESSAGING_REDIS_CACHE_URL": redis_url,
        "MESSAGING_REDIS_STATE_URL": redis_state_url,
        "MESSAGING_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "MESSAGING_TOPIC_PREFIX": topic_prefix,
        "MESSAGING_AUTH_TARGET": f"127.0.0.1:{server.port}",
        "MESSAGING_USER_TARGET": f"127.0.0.1:{server.port}",
    }


async def gateway_of(network: Network, address: str) -> RpcClient:
    port = int(address.rpartition(":")[2])
    return await network.client(port, _stubs, service="messaging")


def _stubs(channel: Any) -> SimpleNamespace:
    """Both services over one channel."""
    return SimpleNamespace(**vars(MessagingServiceStub(channel)), **vars(DirectThreadServiceStub(channel)))


async def begin(gateway: RpcClient, caller: Identity) -> int:
    request = pb.CreateConversationRequest(request_id="c", member_ids=[BOB])
    answer = await gateway.call("CreateConversation", request, timeout=5, identity=caller)
    return int(answer.conversation.conversation_id)


async def say(gateway: RpcClient, caller: Identity, conversation_id: int, text: str) -> pb.Message:
    request = pb.SendMessageRequest(request_id=text, conversation_id=conversation_id, text=text)
    answer: pb.SendMessageResponse = await gateway.call("SendMessage", request, timeout=5, identity=caller)
    return answer.message


async def heard(gateway: RpcClient, caller: Identity, conversation_id: int) -> list[pb.Message]:
    request = pb.ListMessagesRequest(conversation_id=conversation_id, oldest_first=True)
    answer: pb.ListMessagesResponse = await gateway.call("ListMessages", request, timeout=5, identity=caller)
    return list(answer.messages)


async def told(bootstrap: str, topic_prefix: str, count: int) -> list[Event]:
    """The first events on the service's topic."""
    events: list[Event] = []
    enough = asyncio.Event()

    async def note(event: Event) -> None:
        events.append(event)
        if len(events) >= count:
            enough.set()

    producer = Producer(bootstrap, "messaging-test", topic_prefix)
    consumer = Consumer(
        bootstrap,
        "messaging.test",
        [TOPIC],
        note,
        dead_letters=producer,
        service="messaging",
        topic_prefix=topic_prefix,
    )
    await producer.start()
    await consumer.start()
    try:
        await asyncio.wait_for(enough.wait(), 60)
    finally:
        await consumer.stop()
        await producer.stop()
    return events


async def test_two_talk_live_and_a_restart_loses_nothing(
    environment: dict[str, str], network: Network, auth: Auth, kafka_bootstrap: str, topic_prefix: str
) -> None:
    alice, bob = auth.sign(ALICE), auth.sign(BOB)

    async def accounts() -> AsyncIterator[pb.StreamMessagesRequest]:
        yield pb.StreamMessagesRequest(subscribe_account_ids=[BOB])
        await asyncio.sleep(60)

    with service_process("messaging", environment) as process:
        assert process.probe("/readyz")[0] == 200
        assert psutil.Process(process.pid).memory_info().rss < IDLE_BYTES
        gateway = await gateway_of(network, process.grpc_address)
        conversation_id = await begin(gateway, alice)
        answers = gateway.stream("StreamMessages", accounts(), silence=30)
        for _ in ("the stream is open", "bob is heard of"):
            await anext(answers)
        sent = [await say(gateway, alice, conversation_id, f"number {number}") for number in range(3)]
        live: list[pb.Message] = []
        async with asyncio.timeout(30):
            while len(live) < len(sent):
                live += [delivery.message for delivery in (await anext(answers)).deliveries]
        await answers.aclose()  # type: ignore[attr-defined] # it is a generator
        assert live == sent
    with service_process("messaging", environment) as process:
        gateway = await gateway_of(network, process.grpc_address)
        assert await heard(gateway, bob, conversation_id) == sent
        assert await say(gateway, alice, conversation_id, "number 2") == sent[2]
        sent.append(await say(gateway, bob, conversation_id, "and on"))
        assert [message.sequence for message in await heard(gateway, alice, conversation_id)] == [1, 2, 3, 4]
    events = [told_of(event) for event in await told(kafka_bootstrap, topic_prefix, 5)]
    assert {each.message_id for each in events if isinstance(each, ToldMessage)} == {each.message_id for each in sent}


async def test_without_redis_the_process_is_ready_and_messages_and_direct_posts_are_there(
    environment: dict[str, str], network: Network, auth: Auth, kafka_bootstrap: str, topic_prefix: str
) -> None:
    alice = auth.sign(ALICE)
    with service_process("messaging", {**environment, "MESSAGING_REDIS_STATE_URL": "redis://127.0.0.1:1/0"}) as process:
        assert process.probe("/readyz")[0] == 200
        gateway = await gateway_of(network, process.grpc_address)
        conversation_id = await begin(gateway, alice)
        assert (await say(gateway, alice, conversation_id, "Caw")).sequence == 1
        assert len(await heard(gateway, alice, conversation_id)) == 1
        await post_directly(kafka_bootstrap, topic_prefix)
        await eventually(lambda: has_direct_thread(gateway, alice))


async def post_directly(bootstrap: str, topic_prefix: str) -> None:
    """Bob names alice in a direct post."""
    post = post_pb2.Post(
        post_id=7,
        thread_id=7,
        author_id=BOB,
        visibility=post_pb2.VISIBILITY_DIRECT,
        state=post_pb2.POST_STATE_VISIBLE,
        mentions=[post_pb2.Mention(account_id=ALICE)],
        version=1,
    )
    producer = Producer(bootstrap, "messaging-test", topic_prefix)
    await producer.start()
    message = PostCreated(post=post)
    await producer.send(new_event(POST_TOPIC, "7", message, version=1, clock=SystemClock(), source="post"))
    await producer.stop()


async def has_direct_thread(gateway: RpcClient, caller: Identity) -> bool:
    request = direct_pb.ListDirectThreadsRequest(limit=1)
    answer = await gateway.call("ListDirectThreads", request, timeout=5, identity=caller)
    return [thread.thread_id for thread in answer.threads] == [7]
