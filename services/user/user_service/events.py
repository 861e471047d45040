"""What the user service tells others: topic, key and message of each event."""

from __future__ import annotations

from rookery.user.v1 import account_pb2, events_pb2
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, new_event
from user_service.models import Account, QuotePolicy

TOPIC = "user.events.v1"
SOURCE = "user"
# What anyone may is left out: so profiles that were cached before there was a choice say the same.
_QUOTE_POLICIES = {
    QuotePolicy.PUBLIC: account_pb2.DEFAULT_QUOTE_POLICY_UNSPECIFIED,
    QuotePolicy.FOLLOWERS: account_pb2.DEFAULT_QUOTE_POLICY_FOLLOWERS,
    QuotePolicy.NOBODY: account_pb2.DEFAULT_QUOTE_POLICY_NOBODY,
}


class Events:
    """Makes events of now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def account_created(self, account: Account) -> Event:
        message = events_pb2.AccountCreated(account=account_message(account))
        key = str(account.account_id)
        return new_event(TOPIC, key, message, version=account.version, clock=self._clock, source=SOURCE)

    def filters_changed(self, account_id: int, version: int) -> Event:
        """Without what they say: that is their owner's alone."""
        message = events_pb2.FiltersChanged(account_id=account_id, version=version)
        return new_event(TOPIC, str(account_id), message, version=version, clock=self._clock, source=SOURCE)

    def lists_changed(self, account_id: int, version: int) -> Event:
        """Without what they are and who is on them: that is their owner's alone."""
        message = events_pb2.ListsChanged(account_id=account_id, version=version)
        return new_event(TOPIC, str(account_id), message, version=version, clock=self._clock, source=SOURCE)

    def followed_tags_changed(self, account_id: int, version: int) -> Event:
        """Without which they are: that is their owner's alone."""
        message = events_pb2.FollowedTagsChanged(account_id=account_id, version=version)
        return new_event(TOPIC, str(account_id), message, version=version, clock=self._clock, source=SOURCE)

    def home_preferences_changed(self, account_id: int, version: int) -> Event:
        """Without what they are: that is their owner's alone."""
        message = events_pb2.HomePreferencesChanged(account_id=account_id, version=version)
        return new_event(TOPIC, str(account_id), message, version=version, clock=self._clock, source=SOURCE)

    def posting_defaults_changed(self, account_id: int, version: int) -> Event:
        """Without what they are: that is their owner's alone."""
        message = events_pb2.PostingDefaultsChanged(account_id=account_id, version=version)
        return new_event(TOPIC, str(account_id), message, version=version, clock=self._clock, source=SOURCE)

    def account_deleted(self, account_id: int, version: int) -> Event:
        message = events_pb2.AccountDeleted(account_id=account_id, version=version)
        message.delete_time.FromDatetime(self._clock.now())
        return new_event(TOPIC, str(account_id), message, version=version, clock=self._clock, source=SOURCE)

    def account_updated(self, account: Account) -> Event:
        message = events_pb2.AccountUpdated(account=account_message(account))
        key = str(account.account_id)
        return new_event(TOPIC, key, message, version=account.version, clock=self._clock, source=SOURCE)


def account_message(account: Account) -> account_pb2.Account:
    """The profile as it is sent, in events and in answers."""
    message = account_pb2.Account(
        account_id=account.account_id,
        username=account.username,
        display_name=account.display_name,
        note=account.note,
        locked=account.locked,
        bot=account.bot,
        discoverable=account.discoverable,
        indexable=account.indexable,
        avatar_url=account.avatar_url,
        header_url=account.header_url,
        version=account.version,
        group=account.group,
        hide_collections=account.hide_collections,
        avatar_media_id=account.avatar_media_id,
        header_media_id=account.header_media_id,
        quote_policy=_QUOTE_POLICIES[account.quote_policy],
        avatar_description=account.avatar_description,
        header_description=account.header_description,
        hides_media=account.hides_media,
        hides_media_replies=account.hides_media_replies,
        hides_featured=account.hides_featured,
    )
    message.create_time.FromDatetime(account.created_at)
    for line in account.fields:
        field = message.fields.add(name=line.name, value=line.value)
        if line.verified_at is not None:
            field.verify_time.FromDatetime(line.verified_at)
    return message
