"""What is published equals the golden examples, field by field."""

from __future__ import annotations

from datetime import UTC
from typing import cast

import pytest

from post_service.card_models import CardEmbed, CardPicture, EmbedType, LinkCard
from post_service.events import ENGAGEMENT_TOPIC, MEDIA_TOPIC, TOPIC, PostCodec, PostEvents, vote_told, work_of
from post_service.models import (
    Dimensions,
    Fact,
    FactKind,
    Focus,
    Media,
    MediaType,
    Mention,
    Post,
    PostState,
    SealedPost,
    Visibility,
)
from post_service.poll_models import Ballot, Poll
from post_service.quote_models import Quote, QuotePolicy, QuoteState
from post_service.service.delete_post import tombstone_of
from rookery.post.v1 import link_card_pb2, media_pb2, poll_pb2, post_pb2
from rookery.post.v1.engagement_events_pb2 import PollVoted, PostFavourited
from rookery.post.v1.events_pb2 import PostCreated, PostUpdated
from rookery.post.v1.media_events_pb2 import MediaDue
from rookery_common.kafka.events import Event, UndecodableEvent
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden, golden_message, golden_names

CREATED = [name for name in golden_names(TOPIC) if name.startswith("PostCreated")]


def media_of(message: media_pb2.Media) -> Media:
    return Media(
        media_id=message.media_id,
        account_id=message.account_id,
        type=MediaType(message.type),
        original_key=message.url,
        small_key=message.preview_url,
        original=Dimensions(message.original.width, message.original.height),
        small=Dimensions(message.small.width, message.small.height),
        blurhash=message.blurhash,
        description=message.description,
        focus=Focus(message.focus_x, message.focus_y),
    )


def post_of(message: post_pb2.Post) -> Post:
    return Post(
        post_id=message.post_id,
        author_id=message.author_id,
        text=message.text,
        spoiler_text=message.spoiler_text,
        sensitive=message.sensitive,
        visibility=Visibility(message.visibility),
        language=message.language,
        in_reply_to_id=message.in_reply_to_id,
        in_reply_to_account_id=message.in_reply_to_account_id,
        thread_id=message.thread_id,
        create_time=message.create_time.ToDatetime(UTC),
        media=tuple(media_of(media) for media in message.media),
        mentions=tuple(Mention(mention.account_id, mention.username) for mention in message.mentions),
        tags=tuple(message.tags),
        application_name=message.application_name,
        application_website=message.application_website,
        version=message.version,
        state=PostState(message.state),
        edit_time=message.edit_time.ToDatetime(UTC) if message.HasField("edit_time") else None,
        reblog_of_id=message.reblog_of_id,
        poll=poll_of(message.poll) if message.HasField("poll") else None,
        quote=quote_of(message.quote) if message.HasField("quote") else None,
        quote_policy=QuotePolicy(message.quote_policy or QuotePolicy.NOBODY),
        card=card_of(message.card) if message.HasField("card") else None,
    )


def card_of(message: link_card_pb2.LinkCard) -> LinkCard:
    size = Dimensions(message.image_size.width, message.image_size.height)
    return LinkCard(
        link=message.link,
        url=message.url,
        title=message.title,
        description=message.description,
        author_name=message.author_name,
        provider_name=message.provider_name,
        provider_url=message.provider_url,
        language=message.language,
        published_at=message.publish_time.ToDatetime(UTC),
        picture=CardPicture(7, message.image_url, size, message.blurhash, message.image_description),
        author_url=message.author_url,
        embed=embed_of(message.embed) if message.HasField("embed") else None,
    )


def embed_of(message: link_card_pb2.CardEmbed) -> CardEmbed:
    return CardEmbed(EmbedType(message.type), message.url, Dimensions(message.size.width, message.size.height))


def quote_of(message: post_pb2.Quote) -> Quote:
    return Quote(message.post_id, message.author_id, QuoteState(message.state))


def poll_of(message: poll_pb2.Poll) -> Poll:
    ends = message.expire_time.ToDatetime(UTC)
    return Poll(tuple(message.options), message.multiple, message.hide_totals, ends, message.ballot)


def events_at(example: Event) -> PostEvents:
    return PostEvents(PostCodec(lambda key: key), FakeClock(example.occurred_at))


def check_equal(event: Event, example: Event) -> None:
    assert event.decode() == example.decode()
    assert (event.topic, event.type, event.key) == (example.topic, example.type, example.key)
    assert (event.aggregate_id, event.version, event.source) == (example.aggregate_id, example.version, example.source)
    assert event.occurred_at == example.occurred_at


@pytest.mark.parametrize("name", CREATED)
def test_a_created_post_is_told_of_as_the_contract_has_it(name: str) -> None:
    example = golden(TOPIC, name)
    post = post_of(cast(PostCreated, golden_message(TOPIC, name)).post)
    check_equal(events_at(example).created(post), example)


@pytest.mark.parametrize("name", ["PostVisible", "PostUpdated_removed"])
def test_a_decision_is_told_of_as_the_contract_has_it(name: str) -> None:
    example = golden(TOPIC, name)
    post = post_of(cast(PostUpdated, golden_message(TOPIC, name)).post)
    check_equal(events_at(example).decided(post), example)


def test_a_deleted_post_is_told_of_as_the_contract_has_it() -> None:
    example = golden(TOPIC, "PostDeleted")
    post = post_of(cast(PostUpdated, golden_message(TOPIC, "PostUpdated_removed")).post)
    check_equal(events_at(example).deleted(tombstone_of(post, example.version)), example)


@pytest.mark.parametrize("name", ["PostFavourited", "PostUnfavourited"])
def test_a_favourite_is_told_of_as_the_contract_has_it(name: str) -> None:
    example = golden(ENGAGEMENT_TOPIC, name)
    state = cast(PostFavourited, golden_message(ENGAGEMENT_TOPIC, name)).favourite
    since = state.create_time.ToDatetime(UTC)
    fact = Fact(FactKind.FAVOURITE, state.post_id, state.account_id, state.active, state.version, since)
    post = SealedPost(state.post_id, 1, state.post_author_id, state.post_visibility, 1, state.post_id, 0, (), b"")
    check_equal(events_at(example).favourite(fact, post), example)


def test_a_vote_is_told_of_as_the_contract_has_it() -> None:
    example = golden(ENGAGEMENT_TOPIC, "PollVoted")
    vote = cast(PollVoted, golden_message(ENGAGEMENT_TOPIC, "PollVoted")).vote
    ballot = Ballot(vote.post_id, vote.ballot)
    check_equal(events_at(example).voted(ballot, vote.account_id, vote.post_author_id, example.version), example)
    assert vote_told(example) == (ballot, vote.account_id)
    with pytest.raises(UndecodableEvent):
        vote_told(golden(TOPIC, "PostCreated"))


def test_the_end_of_a_poll_is_told_of_as_the_contract_has_it() -> None:
    example = golden(ENGAGEMENT_TOPIC, "PollEnded")
    post = post_of(cast(PostCreated, golden_message(TOPIC, "PostCreated_poll")).post)
    assert post.poll is not None
    check_equal(events_at(example).poll_ended(post, post.poll), example)


def test_there_are_examples() -> None:
    assert "PostCreated" in CREATED


@pytest.mark.parametrize("name", [name for name in golden_names(TOPIC) if name.startswith("PostUpdated")])
def test_an_edited_post_is_encoded_as_the_contract_has_it(name: str) -> None:
    message = cast(PostUpdated, golden_message(TOPIC, name)).post
    assert PostCodec(lambda key: key).post(post_of(message)) == message


def test_an_upload_that_is_due_is_told_of_as_the_contract_has_it() -> None:
    example = golden(MEDIA_TOPIC, "MediaDue")
    work = work_of(example, cast(MediaDue, golden_message(MEDIA_TOPIC, "MediaDue")))
    assert (work.kind, work.version, work.accepted_at) == ("MP4", example.version, example.occurred_at)
    check_equal(events_at(example).media_due(work), example)
