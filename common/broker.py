"""The Celery app, as both sides make it, and the sending of chains. The record is the truth; Celery carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common import sentinel, tls
from common.connection import CONNECT_TIMEOUT_S, SOCKET_TIMEOUT_S, connect, reaching
from common.errors import Unreachable
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM, QUEUE_TICK
from common.pipeline import Step
from common.settings import Settings, without_password

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


class Sender:
    """Sends nudges. `send` puts a chain of stages on the road for one job."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._url = settings.broker
        self._client = connect(settings.broker)

    def send(self, job_id: str, steps: Sequence[Step]) -> None:
        """One message, the later stages inside it. Raises Unreachable within 15 s when there is no broker."""
        if steps:
            self._publish([(job_id, steps)])

    def send_many(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        """The same for many jobs over one connection."""
        if nudges:
            self._publish(nudges)

    def backlog(self, queues: Sequence[str]) -> dict[str, int]:
        """How many messages wait in each of our queues. Raises Unreachable."""
        with reaching(self._url):
            pipe = self._client.pipeline(transaction=False)
            for queue in queues:
                pipe.llen(queue)
            return dict(zip(queues, pipe.execute(), strict=True))

    def _publish(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        from celery import chain
        from kombu.exceptions import OperationalError
        from redis.exceptions import RedisError

        try:
            with self._app.producer_pool.acquire(block=True, timeout=10) as producer:
                for job_id, steps in nudges:
                    chain(*(self._signature(job_id, step) for step in steps), app=self._app).apply_async(
                        producer=producer
                    )
        except (OperationalError, RedisError, OSError) as exc:
            raise Unreachable(
                f"the broker at {without_password(self._url)} cannot be reached: {str(exc)[:200]}",
                hint="the jobs are stored; the tick sends them when the broker is back",
            ) from exc

    def _signature(self, job_id: str, step: Step) -> Any:
        return self._app.signature(step.task, args=(job_id,), immutable=True, queue=step.queue)
