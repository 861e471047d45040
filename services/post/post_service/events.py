"""Posts as contract messages, and as events on their topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from google.protobuf.message import Message

from post_service.card_models import LinkCard
from post_service.models import Fact, FactKind, Media, MediaWork, Mention, Playback, Post, PostState, SealedPost
from post_service.poll_models import Ballot, Poll
from post_service.quote_models import Quote, QuotePolicy, QuoteState
from post_service.reply_models import ReplyPolicy
from rookery.post.v1 import (
    engagement_events_pb2,
    events_pb2,
    link_card_pb2,
    media_events_pb2,
    media_pb2,
    poll_pb2,
    post_pb2,
)
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, UndecodableEvent, new_event

TOPIC: Final = "post.events.v1"
ENGAGEMENT_TOPIC: Final = "post.engagement.v1"
MEDIA_TOPIC: Final = "post.media.v1"
SOURCE: Final = "post"


class PostCodec:
    """Posts and media as the contract has them; `public_url` gives the address of a stored file."""

    def __init__(self, public_url: Callable[[str], str]) -> None:
        self._public_url = public_url

    def post(self, post: Post) -> post_pb2.Post:
        message = post_pb2.Post(
            post_id=post.post_id,
            author_id=post.author_id,
            text=post.text,
            spoiler_text=post.spoiler_text,
            sensitive=post.sensitive,
            visibility=post_pb2.Visibility.ValueType(post.visibility),
            language=post.language,
            in_reply_to_id=post.in_reply_to_id,
            in_reply_to_account_id=post.in_reply_to_account_id,
            media=[self.media(media) for media in post.media],
            mentions=map(self.mention, post.mentions),
            tags=post.tags,
            state=post_pb2.PostState.ValueType(post.state),
            application_name=post.application_name,
            application_website=post.application_website,
            version=post.version,
            reblog_of_id=post.reblog_of_id,
            thread_id=post.thread_id,
        )
        if post.quote_policy is not QuotePolicy.NOBODY:
            message.quote_policy = post_pb2.QuotePolicy.ValueType(post.quote_policy)
        if post.reply_policy is not ReplyPolicy.EVERYONE:
            message.reply_policy = post_pb2.ReplyPolicy.ValueType(post.reply_policy)
        message.create_time.FromDatetime(post.create_time)
        if post.edit_time is not None:
            message.edit_time.FromDatetime(post.edit_time)
        if post.poll is not None:
            message.poll.CopyFrom(self.poll(post.poll))
        if post.quote is not None:
            message.quote.CopyFrom(self.quote(post.quote))
        if post.card is not None:
            message.card.CopyFrom(self.card(post.card))
        return message

    def card(self, card: LinkCard) -> link_card_pb2.LinkCard:
        message = link_card_pb2.LinkCard(
            link=card.link,
            url=card.url,
            title=card.title,
            description=card.description,
            author_name=card.author_name,
            provider_name=card.provider_name,
            provider_url=card.provider_url,
            language=card.language,
            author_url=card.author_url,
        )
        if card.embed is not None:
            message.embed.type = link_card_pb2.CardEmbedType.ValueType(card.embed.type)
            message.embed.url = card.embed.url
            size = card.embed.size
            message.embed.size.CopyFrom(media_pb2.Dimensions(width=size.width, height=size.height))
        if card.published_at is not None:
            message.publish_time.FromDatetime(card.published_at)
        if card.picture is not None:
            size = card.picture.size
            message.image_url = self._public_url(card.picture.key)
            message.image_description = card.picture.description
            message.image_size.CopyFrom(media_pb2.Dimensions(width=size.width, height=size.height))
            message.blurhash = card.picture.blurhash
        return message

    def quote(self, quote: Quote) -> post_pb2.Quote:
        state = post_pb2.QuoteState.ValueType(quote.state)
        return post_pb2.Quote(post_id=quote.post_id, author_id=quote.author_id, state=state)

    def poll(self, poll: Poll) -> poll_pb2.Poll:
        message = poll_pb2.Poll(
            options=poll.options, multiple=poll.multiple, hide_totals=poll.hide_totals, ballot=poll.ballot
        )
        message.expire_time.FromDatetime(poll.expires_at)
        return message

    def mention(self, mention: Mention) -> post_pb2.Mention:
        return post_pb2.Mention(account_id=mention.account_id, username=mention.username)

    def media(self, media: Media) -> media_pb2.Media:
        message = media_pb2.Media(
            media_id=media.media_id,
            account_id=media.account_id,
            type=media_pb2.MediaType.ValueType(media.type),
            url=self._public_url(media.original_key) if media.original_key else "",
            preview_url=self._public_url(media.small_key) if media.small_key else "",
            original=media_pb2.Dimensions(width=media.original.width, height=media.original.height),
            small=media_pb2.Dimensions(width=media.small.width, height=media.small.height),
            description=media.description,
            blurhash=media.blurhash,
            focus_x=media.focus.x,
            focus_y=media.focus.y,
        )
        if media.is_unfinished:
            message.state = media_pb2.MEDIA_STATE_PROCESSING
        elif media.playback is not None:
            message.playback.CopyFrom(_playback(media.playback))
        return message

    def seal(self, post: Post) -> SealedPost:
        """The post for the cache and for answers: encoded once, however often it is read."""
        return SealedPost(
            post_id=post.post_id,
            version=post.version,
            author_id=post.author_id,
            visibility=post.visibility,
            state=post.state,
            thread_id=post.thread_id,
            reblog_of_id=post.reblog_of_id,
            mentioned=tuple(mention.account_id for mention in post.mentions),
            body=self.post(post).SerializeToString(),
            ballot=post.poll.ballot if post.poll else 0,
            quoted_id=post.quote.post_id if post.quote and post.quote.state is QuoteState.ACCEPTED else 0,
        )

    def parent_of(self, post: SealedPost) -> int:
        """The post that this one answers; 0 for none."""
        return post_pb2.Post.FromString(post.body).in_reply_to_id

    def reply_policy_of(self, post: SealedPost) -> ReplyPolicy:
        """Who may reply in the thread that the post begins."""
        return ReplyPolicy(post_pb2.Post.FromString(post.body).reply_policy or ReplyPolicy.EVERYONE)

    def tags_of(self, post: SealedPost) -> Sequence[str]:
        """The post's hashtags, as they are compared."""
        return post_pb2.Post.FromString(post.body).tags


class VoteTold(NamedTuple):
    """Whose vote an event tells of."""

    ballot: Ballot
    account_id: int


def vote_told(event: Event) -> VoteTold:
    """What a pending event is about. Raises UndecodableEvent for any but PollVoted."""
    message = event.decode()
    if not isinstance(message, engagement_events_pb2.PollVoted):
        raise UndecodableEvent(f"{event.type} is never pending")
    return VoteTold(Ballot(message.vote.post_id, message.vote.ballot), message.vote.account_id)


def fact_told(event: Event) -> Fact | None:
    """Which favourite an event says to have begun or ended; None for what is told of anything else."""
    if event.topic != ENGAGEMENT_TOPIC:
        return None
    message = event.decode()
    if not isinstance(message, engagement_events_pb2.PostFavourited | engagement_events_pb2.PostUnfavourited):
        return None
    told = message.favourite
    return Fact(FactKind.FAVOURITE, told.post_id, told.account_id, told.active, told.version)


def work_of(event: Event, message: media_events_pb2.MediaDue) -> MediaWork:
    """Which upload is to be processed."""
    return MediaWork(
        media_id=message.media_id,
        account_id=message.account_id,
        source_key=message.source_key,
        size=message.size,
        folder=message.folder,
        kind=message.kind,
        version=event.version,
        accepted_at=event.occurred_at,
    )


class PostEvents:
    """What is told of posts, favourites and votes; the key is the id or the pair of ids, the version the row's own."""

    def __init__(self, codec: PostCodec, clock: Clock) -> None:
        self._codec = codec
        self._clock = clock

    def created(self, post: Post) -> Event:
        return self._of(post, events_pb2.PostCreated(post=self._codec.post(post)))

    def decided(self, post: Post) -> Event:
        """Moderation has changed what the post may be."""
        message = self._codec.post(post)
        if post.state == PostState.VISIBLE:
            return self._of(post, events_pb2.PostVisible(post=message))
        return self._of(post, events_pb2.PostUpdated(post=message))

    def edited(self, post: Post) -> Event:
        """Its author has changed what it says."""
        return self._of(post, events_pb2.PostUpdated(post=self._codec.post(post)))

    def deleted(self, tombstone: Post) -> Event:
        return self._of(tombstone, events_pb2.PostDeleted(post=self._codec.post(tombstone)))

    def favourite(self, fact: Fact, post: SealedPost) -> Event:
        """An account has begun to favour the post, or ceased to."""
        state = engagement_events_pb2.Favourite(
            post_id=fact.post_id,
            account_id=fact.account_id,
            post_author_id=post.author_id,
            post_visibility=post_pb2.Visibility.ValueType(post.visibility),
            active=fact.active,
            version=fact.version,
        )
        state.create_time.FromDatetime(fact.since)
        message: engagement_events_pb2.PostFavourited | engagement_events_pb2.PostUnfavourited
        if fact.active:
            message = engagement_events_pb2.PostFavourited(favourite=state)
        else:
            message = engagement_events_pb2.PostUnfavourited(favourite=state)
        key = f"{fact.post_id}:{fact.account_id}"
        return new_event(ENGAGEMENT_TOPIC, key, message, version=fact.version, clock=self._clock, source=SOURCE)

    def voted(self, ballot: Ballot, account_id: int, author_id: int, version: int) -> Event:
        """An account is about to vote: what it chooses is not told."""
        now = self._clock.now()
        state = engagement_events_pb2.PollVote(
            post_id=ballot.post_id, ballot=ballot.number, account_id=account_id, post_author_id=author_id
        )
        state.create_time.FromDatetime(now)
        message = engagement_events_pb2.PollVoted(vote=state)
        key = f"{ballot.post_id}:{account_id}"
        return new_event(ENGAGEMENT_TOPIC, key, message, version=version, clock=self._clock, source=SOURCE)

    def poll_ended(self, post: Post, poll: Poll) -> Event:
        """Nobody votes any more in what a post has asked."""
        state = engagement_events_pb2.PollEnd(post_id=post.post_id, ballot=poll.ballot, post_author_id=post.author_id)
        state.expire_time.FromDatetime(poll.expires_at)
        message = engagement_events_pb2.PollEnded(end=state)
        key = f"{post.post_id}:{post.author_id}"
        return new_event(ENGAGEMENT_TOPIC, key, message, version=post.version, clock=self._clock, source=SOURCE)

    def media_due(self, work: MediaWork) -> Event:
        """An upload is to be processed."""
        message = media_events_pb2.MediaDue(
            media_id=work.media_id,
            account_id=work.account_id,
            source_key=work.source_key,
            size=work.size,
            folder=work.folder,
            kind=work.kind,
        )
        key = str(work.media_id)
        return new_event(MEDIA_TOPIC, key, message, version=work.version, clock=self._clock, source=SOURCE)

    def _of(self, post: Post, message: Message) -> Event:
        return new_event(TOPIC, str(post.post_id), message, version=post.version, clock=self._clock, source=SOURCE)


def _playback(playback: Playback) -> media_pb2.Playback:
    message = media_pb2.Playback(
        duration_milliseconds=playback.milliseconds,
        bits_per_second=playback.bits_per_second,
        frame_rate=playback.frame_rate,
    )
    if playback.sound is not None:
        message.sound.codec, message.sound.sample_rate = playback.sound.codec, playback.sound.rate
        message.sound.channels = playback.sound.channels
    return message
