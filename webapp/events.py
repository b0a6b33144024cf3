"""What features tell each other. An event is a frozen dataclass named in the past tense.

`@on(Event)` runs inside the publisher's transaction and may write: if it fails, all of it is undone.
`@after_commit(Event)` runs when the change is durable: sockets, jobs. Its failure is its own.
`@after_commit_together(Event)` does so once, with all such events of the transaction: two thousand changes are one word.
"""

from __future__ import annotations

import contextvars
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)
E = TypeVar("E")
Subscriber = Callable[[Any], None]

_inside: dict[type, list[Subscriber]] = defaultdict(list)
_after: dict[type, list[Subscriber]] = defaultdict(list)
_together: dict[type, list[Subscriber]] = defaultdict(list)
_published: contextvars.ContextVar[list[Any] | None] = contextvars.ContextVar("published", default=None)


def on(kind: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    def register(subscriber: Callable[[E], None]) -> Callable[[E], None]:
        _inside[kind].append(subscriber)
        return subscriber

    return register


def after_commit(kind: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    def register(subscriber: Callable[[E], None]) -> Callable[[E], None]:
        _after[kind].append(subscriber)
        return subscriber

    return register


def after_commit_together(kind: type[E]) -> Callable[[Callable[[list[E]], None]], Callable[[list[E]], None]]:
    def register(subscriber: Callable[[list[E]], None]) -> Callable[[list[E]], None]:
        _together[kind].append(subscriber)
        return subscriber

    return register


def publish(event: object) -> None:
    """Tell the subscribers. Raises RuntimeError outside a transaction: nobody could be told after a commit."""
    published = _published.get()
    if published is None:
        raise RuntimeError(f"{type(event).__name__} published outside transaction()")
    published.append(event)
    for subscriber in _inside[type(event)]:
        subscriber(event)


def collecting() -> bool:
    return _published.get() is not None


@contextmanager
def collect() -> Iterator[list[Any]]:
    """For `transaction()` only."""
    published: list[Any] = []
    token = _published.set(published)
    try:
        yield published
    finally:
        _published.reset(token)


def deliver(published: list[Any]) -> None:
    """For `transaction()` only: tell those who wait for the commit."""
    for event in published:
        for subscriber in _after[type(event)]:
            _tell(subscriber, type(event), event)
    for kind in dict.fromkeys(type(event) for event in published):
        for subscriber in _together[kind]:
            _tell(subscriber, kind, [event for event in published if type(event) is kind])


def _tell(subscriber: Subscriber, kind: type, told: Any) -> None:
    try:
        subscriber(told)
    except Exception:
        log.exception("subscriber failed", subscriber=subscriber.__qualname__, published=kind.__name__)
