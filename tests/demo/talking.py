"""Four people meet, post, like each other's posts, find them, and chat."""

from __future__ import annotations

import io
import json
import math
import threading
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import httpx2
from mastodon import Mastodon, StreamListener
from PIL import Image, ImageDraw
from stage import PATIENCE_SECONDS, SCOPES, URL, App, DemoError, Person, Steps, wait_for
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

CONVERSATIONS = "/api/rookery/v1/conversations"


class Arrivals(StreamListener):
    """Ids of posts in the order in which a stream brings them."""

    def __init__(self) -> None:
        self._ids: SimpleQueue[str] = SimpleQueue()

    def on_update(self, status: Any) -> None:
        self._ids.put(str(status["id"]))

    def wait_for(self, status_id: str) -> None:
        """Raises DemoError where nothing comes."""
        try:
            while self._ids.get(timeout=PATIENCE_SECONDS) != status_id:
                continue
        except Empty:
            raise DemoError(f"the stream did not bring the post within {PATIENCE_SECONDS:.0f} s") from None


def register(scopes: list[str]) -> App:
    """An app of this demo's own."""
    return App(*Mastodon.create_app("Rookery demo", api_base_url=URL, scopes=scopes))


def meet(steps: Steps, app: App) -> list[Person]:
    """Four people who follow each other."""
    people = []
    for name in ("alice", "bob", "carol", "dan"):
        with steps.step(f"{name} signs up"):
            people.append(app.sign_up(name, SCOPES))
    with steps.step("they follow each other (12 follows)"):
        for person in people:
            for other in people:
                if other is not person:
                    person.api.account_follow(other.account_id)
    return people


def talk(steps: Steps, people: list[Person]) -> list[str]:
    """Four posts; their ids."""
    alice, bob, carol, dan = people
    with steps.step("alice posts text"):
        hello = alice.api.status_post("Good evening, rookery! Who else is up in the elms? #firstpost")
    with steps.step("bob uploads a JPEG"):
        media = bob.api.media_post(picture(), mime_type="image/jpeg", description="Rooks over hills in the evening")
    with steps.step("bob posts it"):
        evening = bob.api.status_post("The view from up here.", media_ids=media)
    with steps.step("the JPEG is fetched as any reader would"):
        fetched = httpx2.get(evening["media_attachments"][0]["url"], timeout=PATIENCE_SECONDS)
        fetched.raise_for_status()
        Image.open(io.BytesIO(fetched.content)).verify()
    with steps.step("carol replies to alice"):
        reply = carol.api.status_reply(hello, "I am, and the hills are on fire.")
    arrivals = Arrivals()
    with steps.step("dan opens a stream"):
        stream = dan.api.stream_user(arrivals, run_async=True)
        wait_for(stream.is_receiving, "dan's stream")
    with steps.step("alice posts, and dan sees it arrive"):
        last = alice.api.status_post("Nobody asked for this one, and there it is.")
        arrivals.wait_for(str(last["id"]))
    # Mastodon.py closes a stream with the next heartbeat: nobody needs to wait for that.
    threading.Thread(target=stream.close, daemon=True).start()
    posts = [str(status["id"]) for status in (hello, evening, reply, last)]
    with steps.step("each home has all four posts"):
        for person in people:
            wait_for(partial(_shows, person, posts), f"{person.name}'s home")
    return posts


def _shows(person: Person, posts: list[str]) -> bool:
    return set(posts) <= {str(status["id"]) for status in person.api.timeline_home(limit=20)}


def like(steps: Steps, people: list[Person], post_id: str) -> None:
    """Everyone likes the first one's post, who is told of it."""
    author, *others = people
    with steps.step(f"{len(others)} people like {author.name}'s first post, and the count is right"):
        for person in others:
            person.api.status_favourite(post_id)
        wait_for(lambda: author.api.status(post_id)["favourites_count"] == len(others), "the count of likes")
    with steps.step(f"{author.name} is told of each like"):
        wait_for(partial(_told_of, author, {other.account_id for other in others}), "the notifications")


def _told_of(person: Person, account_ids: set[str]) -> bool:
    notifications = person.api.notifications(types=["favourite"])
    return {str(each["account"]["id"]) for each in notifications} == account_ids


def search(steps: Steps, person: Person, post_id: str) -> None:
    """The post is found by two words of it, in any order, and by its hashtag."""
    for query in ("elms evening", "#firstpost"):
        with steps.step(f"{person.name} finds it by “{query}”"):
            wait_for(partial(_finds, person, query, post_id), f"the search for {query}")


def _finds(person: Person, query: str, post_id: str) -> bool:
    return post_id in {str(status["id"]) for status in person.api.search_v2(query, result_type="statuses")["statuses"]}


def chat(steps: Steps, first: Person, second: Person) -> list[tuple[str, str]]:
    """A conversation of two, as the second one reads it: names and texts."""
    address = URL.replace("http", "ws", 1) + f"/api/rookery/v1/chat?access_token={second.token}"
    names = {first.account_id: first.name, second.account_id: second.name}
    with steps.step(f"{first.name} begins a conversation with {second.name}"):
        begun = first.call("POST", CONVERSATIONS, json={"member_ids": [second.account_id]})
        messages = f"{CONVERSATIONS}/{begun['id']}/messages"
    try:
        with connect(address) as socket:
            with steps.step(f"{second.name} listens"):
                _synced(socket, begun["id"])
            with steps.step(f"{first.name} writes, and {second.name} sees it arrive"):
                first.call("POST", messages, json={"text": "Did you count the rooks?"})
                json.loads(socket.recv(timeout=PATIENCE_SECONDS))
    except (WebSocketException, TimeoutError) as error:
        raise DemoError(f"the chat: {error}") from error
    with steps.step(f"{second.name} answers"):
        second.call("POST", messages, json={"text": "Five. The sixth was a crow."})
    heard = first.call("GET", f"{messages}?after=0")
    return [(names[message["sender_id"]], message["text"]) for message in heard["items"]]


def _synced(socket: ClientConnection, conversation_id: str) -> None:
    """Once the server has answered, what is said is sent here."""
    socket.send(json.dumps({"type": "sync", "id": "1", "conversation_id": conversation_id, "after": 0}))
    while json.loads(socket.recv(timeout=PATIENCE_SECONDS))["id"] != "1":
        continue


def picture() -> bytes:
    """A JPEG drawn here: rooks over hills in the evening."""
    width, height = 960, 600
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        share = y / height
        draw.line([(0, y), (width, y)], fill=(int(40 + 200 * share), int(50 + 100 * share), int(110 - 40 * share)))
    draw.ellipse([640, 300, 780, 440], fill="#ffe9a8")
    for shade, base, wave in (("#5a3d5c", 430, 60), ("#3a2a45", 490, 40), ("#1d1826", 540, 25)):
        hills = [(x, base + wave * math.sin(x / (2.2 * wave) + base)) for x in range(0, width + 8, 8)]
        draw.polygon([(0, height), *hills, (width, height)], fill=shade)
    for x, y, span in ((180, 150, 46), (280, 110, 34), (350, 190, 28), (470, 130, 40), (560, 220, 22)):
        draw.arc([x - span, y, x, y + span], 200, 340, fill="#141018", width=5)
        draw.arc([x, y, x + span, y + span], 200, 340, fill="#141018", width=5)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()
