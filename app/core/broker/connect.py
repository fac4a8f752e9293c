"""The Celery application that API and workers share, with the settings that were seen to matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

from app.core.broker import QUEUES

if TYPE_CHECKING:
    from app.core.settings import Settings

# `folder://` is our own transport: a queue is a folder of files, no server is needed.
TRANSPORT_ALIASES["folder"] = "app.core.broker.folder:Transport"


def make_celery(settings: Settings) -> Celery:
    """A Celery application without tasks; messages are sent by name."""
    celery = Celery("prunery", broker=settings.broker, set_as_current=False)
    celery.conf.update(
        task_queues=[Queue(name, Exchange(""), routing_key=name) for name in QUEUES],
        task_default_queue=settings.queue,
        task_create_missing_queues=False,
        # A message is let go when the task is done: a worker that dies leaves it to another.
        task_acks_late=True,
        # True loops for ever on a job that kills its worker; the lease brings it back, bounded.
        task_reject_on_worker_lost=False,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        result_backend=None,
        accept_content=["json"],
        task_serializer="json",
        result_accept_content=["json"],
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        # A worker outlives its broker, however long it is away.
        broker_connection_max_retries=None,
        # A request must not wait for a broker that is down: the reaper sends it later.
        broker_connection_timeout=3,
        broker_transport_options=_transport_options(settings),
    )
    return celery


def _transport_options(settings: Settings) -> dict[str, Any]:
    if settings.broker.startswith("folder://"):
        folder = settings.broker_dir
        messages = folder / "messages"
        messages.mkdir(parents=True, exist_ok=True)
        return {
            "data_folder_in": str(messages),
            "data_folder_out": str(messages),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.2,
        }
    # Above the longest that a job may take, or Redis hands it out a second time in between.
    return {
        "visibility_timeout": settings.max_deadline_seconds + 3600,
        "socket_timeout": 30,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
    }
