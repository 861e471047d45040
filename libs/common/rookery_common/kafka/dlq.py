"""Dead letters of a group: `python -m rookery_common.kafka.dlq list|replay --group GROUP`.

Kafka is where `--bootstrap` or `ROOKERY_KAFKA_BOOTSTRAP` says; `ROOKERY_KAFKA_TLS`, `_CA_FILE`, `_USERNAME` and
`_PASSWORD_FILE` are a service's settings of the same names, with an operator's log-in.

A replay puts the records back on the topic they came from, as they were; whoever handled an event already knows it by
its id. What is replayed is not listed again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from rookery_common.config import KafkaSettings, settings_config
from rookery_common.kafka.connection import Connection, Kafka
from rookery_common.kafka.errors import LOG_LEVEL
from rookery_common.kafka.events import Headers
from rookery_common.kafka.handling import as_bytes, headers_of
from rookery_common.kafka.producer import Producer

LOOKUP_SECONDS = 10.0
DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record of a dead-letter topic."""

    message: KafkaMessage
    headers: dict[str, str]

    def describe(self) -> dict[str, str | int | None]:
        """What may be shown: ids and the reason, never the payload."""
        names = ("dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset", "dlq_time", "ce_id", "ce_type", "ce_subject")
        shown = {name.removeprefix("dlq_").removeprefix("ce_"): self.headers.get(name, "") for name in names}
        return {"dead_letter": f"{self.message.partition()}:{self.message.offset()}", **shown}

    def original_headers(self) -> Headers:
        """The headers as the producer of the event set them."""
        return [(name, value) for name, value in headers_of(self.message) if not name.startswith("dlq_")]


class DeadLetterTopic:
    """Reads the dead letters that are still to be replayed."""

    def __init__(self, kafka: Kafka, group: str, topic_prefix: str = "") -> None:
        self._prefix = topic_prefix
        self._topic = f"{topic_prefix}{group}.dlq"
        self._consumer = KafkaConsumer(
            {
                **Connection(kafka).config(),
                "group.id": f"{topic_prefix}{group}.dlq",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "log_level": LOG_LEVEL,
            }
        )

    def read(self, limit: int) -> Iterator[DeadLetter]:
        """At most `limit`, oldest first within each partition. Raises KafkaException when Kafka does not answer."""
        found = self._consumer.list_topics(self._topic, LOOKUP_SECONDS).topics[self._topic]
        wanted = [TopicPartition(self._topic, number) for number in found.partitions]
        committed = self._consumer.committed(wanted, LOOKUP_SECONDS) if wanted else []
        open_partitions = len(committed)
        self._consumer.assign(committed)
        while open_partitions and limit:
            message = self._consumer.poll(LOOKUP_SECONDS)
            if message is None:
                return
            error = message.error()
            if error is None:
                limit -= 1
                headers = {name: value.decode(errors="replace") for name, value in headers_of(message)}
                yield DeadLetter(message, headers)
            elif error.code() == KafkaError._PARTITION_EOF:
                open_partitions -= 1
            else:
                raise KafkaException(error)

    async def replay(self, producer: Producer, limit: int) -> int:
        """Sends them back one after another; what is sent is committed, so a crash in between repeats one at most."""
        count = 0
        for letter in self.read(limit):
            message = letter.message
            topic = letter.headers["dlq_topic"].removeprefix(self._prefix)
            await producer.send_raw(topic, as_bytes(message.key()), message.value(), letter.original_headers())
            await asyncio.to_thread(self._commit, message)
            count += 1
        return count

    def _commit(self, message: KafkaMessage) -> None:
        self._consumer.commit(message=message, asynchronous=False)

    def close(self) -> None:
        self._consumer.close()


class OperatorSettings(KafkaSettings):
    """Kafka as the operator's environment says."""

    model_config = settings_config("ROOKERY_")


async def _replay(letters: DeadLetterTopic, kafka: Kafka, topic_prefix: str, limit: int) -> int:
    producer = Producer(kafka, "dlq-replay", topic_prefix)
    await producer.start()
    try:
        return await letters.replay(producer, limit)
    finally:
        await producer.stop()


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rookery_common.kafka.dlq")
    parser.add_argument("command", choices=["list", "replay"])
    parser.add_argument("--bootstrap", help="instead of what the environment says")
    parser.add_argument("--group", required=True, help="the consumer group, for instance feed.post-events")
    parser.add_argument("--topic-prefix", default="")
    parser.add_argument("--limit", type=int, default=DEFAULT_LIMIT)
    options = parser.parse_args(argv)
    kafka = options.bootstrap or OperatorSettings()
    letters = DeadLetterTopic(kafka, options.group, options.topic_prefix)
    try:
        if options.command == "list":
            for letter in letters.read(options.limit):
                sys.stdout.write(json.dumps(letter.describe()) + "\n")
        else:
            count = asyncio.run(_replay(letters, kafka, options.topic_prefix, options.limit))
            sys.stdout.write(json.dumps({"replayed": count}) + "\n")
    except KafkaException as error:
        sys.stderr.write(f"Kafka does not answer: {error}\n")
        return 1
    finally:
        letters.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
