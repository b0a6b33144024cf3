"""Work behind the scenes: Celery in both modes. A task carries a row's id at most; the row says what there is to do.

No promise lives in a broker: what must happen is a row with a due time, and a sweep finds it. `soon()` only rings the bell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from celery import Celery, Task
from celery.beat import Scheduler, Service
from flask import Flask

from config.settings import Settings
from webapp.db import db

log = structlog.get_logger(__name__)

celery = Celery("ringback")
Job = Callable[..., None]


def job(*, every: timedelta | None = None) -> Callable[[Job], Any]:
    """A function that Celery runs; with `every`, also by the clock."""

    def register(function: Job) -> Any:
        name = f"{function.__module__}.{function.__name__}"
        task = celery.task(name=name, ignore_result=True)(function)
        if every is not None:
            celery.conf.beat_schedule[name] = {
                "task": name,
                "schedule": every,
                "options": {"expires": every.total_seconds()},
            }
        return task

    return register


def soon(task: Any, *args: str) -> None:
    """Ring the bell. A broker that is away is no error here: the sweep finds the row."""
    try:
        task.apply_async(args=args, retry=False)
    except Exception:
        log.warning("no broker, the sweep will find it", task=task.name, exc_info=True)


def init(app: Flask, settings: Settings) -> None:
    broker = settings.redis_url or "memory://localhost/"
    celery.conf.update(
        broker_url=broker,
        task_ignore_result=True,
        accept_content=["json"],
        task_serializer="json",
        timezone="UTC",
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        task_acks_late=True,
    )

    class InApp(Task):  # type: ignore[misc,type-arg]
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                try:
                    return super().__call__(*args, **kwargs)
                finally:
                    db.session.rollback()

    celery.Task = InApp  # type: ignore[assignment]
    celery.set_default()


class Embedded:
    """The worker and the clock as threads of this process, for one server without Redis."""

    def __init__(self) -> None:
        self._worker = celery.WorkController(  # type: ignore[attr-defined]
            app=celery, hostname="ringback@embedded", pool="threads", concurrency=2, without_heartbeat=True,
            without_mingle=True, without_gossip=True,
        )  # fmt: skip
        self._beat = Service(celery, max_interval=1, scheduler_cls=Scheduler)
        self._threads = [
            threading.Thread(target=self._worker.start, name="jobs", daemon=True),
            threading.Thread(target=self._beat.start, kwargs={"embedded_process": False}, name="beat", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._beat.stop(wait=False)
        self._worker.stop(in_sighandler=False)
        for thread in self._threads:
            thread.join(timeout=3)
