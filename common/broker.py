"""The Celery app, as workers and beat make it. The record is the truth; Celery carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common import sentinel, tls
from common.connection import CONNECT_TIMEOUT_S, SOCKET_TIMEOUT_S
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM, QUEUE_TICK
from common.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

TICK_TASK = "hintrelay.tick"


def make_celery(settings: Settings) -> Celery:
    """A Celery app for our own queues; connects when first used. What each setting is for: docs/architecture.md."""
    from celery import Celery
    from kombu.entity import Queue

    url, sentinel_options = sentinel.for_kombu(settings.broker)
    app = Celery("hintrelay", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_queues=[Queue(name) for name in (QUEUE_PLATFORM, QUEUE_HINTS, QUEUE_TICK)],  # type: ignore[no-untyped-call]  # kombu is half typed
        task_default_queue=QUEUE_PLATFORM,
        task_create_missing_queues=False,
        task_acks_late=False,  # a message is a nudge: what a crash loses, the lease and `due` bring back
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,  # signs of life stand in the store; no reply queues pile up
        broker_use_ssl=tls.for_kombu(settings.broker),  # kombu checks no certificate unless it is told to
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "priority_steps": [0],  # one list a queue: no BRPOP over four keys
            **sentinel_options,
        },
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.2, "interval_step": 0.5},
        beat_schedule={
            "tick": {
                "task": TICK_TASK,
                "schedule": settings.tick_seconds,
                "options": {"queue": QUEUE_TICK, "expires": max(settings.tick_seconds, 1.0)},
            }
        },
        beat_scheduler="celery.beat:Scheduler",  # its state in memory: one entry needs no file
        beat_max_loop_interval=max(min(settings.tick_seconds, 5.0), 0.05),
        timezone="UTC",
    )
    return app
