"""The local transport: whole messages, each once, and a torn one harms nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection

from app.core.broker import Broker
from app.core.broker.connect import make_celery
from app.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def connection(settings: Settings) -> Iterator[Connection]:
    with make_celery(settings).connection_for_write() as connection:
        yield connection


def received(connection: Connection, queue: str) -> list[str]:
    """The ids in a queue's messages, which are taken."""
    found = []
    with connection.SimpleQueue(queue) as messages:
        while messages.qsize():
            message = messages.get(block=False)
            found.append(message.payload[0][0])
            message.ack()
    return found


def test_messages_arrive_once_in_order_in_their_own_queue(
    settings: Settings, connection: Connection
) -> None:
    broker = Broker(settings)
    for number in range(3):
        broker.wake("job", f"job-{number}", "cpu")
    broker.wake("model", "model-0", "checks")
    assert received(connection, "cpu") == ["job-0", "job-1", "job-2"]
    assert received(connection, "cpu") == []
    assert received(connection, "checks") == ["model-0"]
    broker.close()


def test_a_torn_message_is_set_aside_and_the_next_one_is_read(
    settings: Settings, connection: Connection
) -> None:
    folder = settings.broker_dir / "messages"
    (folder / "000000000000001_torn.cpu.msg").write_bytes(b'{"body": "W1siam9i')
    (folder / "000000000000002_empty.cpu.msg").write_bytes(b"")
    broker = Broker(settings)
    broker.wake("job", "job-0", "cpu")
    assert connection.channel()._size("cpu") == 3
    channel = connection.channel()
    message = channel._get("cpu")
    assert json.loads(json.dumps(message))["headers"]["task"] == "prunery.run_job"
    assert sorted(path.suffix for path in folder.iterdir()) == [".unreadable", ".unreadable"]
    broker.close()


def test_a_message_that_is_being_written_is_not_seen(
    settings: Settings, connection: Connection
) -> None:
    (settings.broker_dir / "messages" / "000000000000001_x.tmp").write_bytes(b"{")
    assert connection.channel()._size("cpu") == 0
