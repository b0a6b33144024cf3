"""Time that passes when it is told to, and what happens in it: one order for the same seed, no threads."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

Steps = Generator[Any, Any, Any]  # yields what it waits for: seconds, a signal, or a signal for so many seconds
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC).timestamp()


class Timeout:
    """What a process gets from a signal that did not come."""


TIMEOUT = Timeout()


@dataclass(order=True, slots=True)
class Timer:
    moment: float
    number: int
    do: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.do = None


class Clock:
    """Seconds since the epoch. `advance` and `run_until_idle` make time pass; a `RealTime` does it by itself."""

    def __init__(self, start: float = START) -> None:
        self.now = start
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self.changed: Callable[[], None] = lambda: None  # something is due earlier than before

    def at(self, moment: float, do: Callable[[], None]) -> Timer:
        timer = Timer(max(moment, self.now), next(self._numbers), do)
        heapq.heappush(self._timers, timer)
        self.changed()
        return timer

    def after(self, seconds: float, do: Callable[[], None]) -> Timer:
        return self.at(self.now + seconds, do)

    def start(self, steps: Steps) -> Process:
        return Process(self, steps)

    @property
    def next_moment(self) -> float | None:
        while self._timers and self._timers[0].do is None:
            heapq.heappop(self._timers)
        return self._timers[0].moment if self._timers else None

    def advance(self, seconds: float) -> None:
        self.run_until(self.now + seconds)

    def run_until(self, moment: float) -> None:
        while (due := self.next_moment) is not None and due <= moment:
            self._next()
        self.now = max(self.now, moment)

    def run_until_idle(self, limit: float = 86400.0) -> None:
        """Until nothing is left to happen. AssertionError when that takes more than `limit` seconds."""
        end = self.now + limit
        while (due := self.next_moment) is not None:
            if due > end:
                raise AssertionError(f"still busy after {limit:g} s")
            self._next()

    def run_while(self, condition: Callable[[], object], limit: float = 3600.0) -> None:
        """For as long as the condition holds. AssertionError after `limit` seconds, or when nothing is left to happen."""
        end = self.now + limit
        while condition():
            due = self.next_moment
            if due is None or due > end:
                raise AssertionError(f"not within {limit:g} s: {condition}")
            self._next()

    def _next(self) -> None:
        timer = heapq.heappop(self._timers)
        self.now = max(self.now, timer.moment)
        do, timer.do = timer.do, None
        if do is not None:
            do()


class Signal:
    """Something that happens once, with a value; processes wait for it."""

    def __init__(self) -> None:
        self.value: Any = None
        self.happened = False
        self._waiting: list[Callable[[], None]] = []

    def set(self, value: Any = None) -> None:
        """The first time counts."""
        if self.happened:
            return
        self.value, self.happened = value, True
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def then(self, wake: Callable[[], None]) -> None:
        if self.happened:
            wake()
        else:
            self._waiting.append(wake)


class Process:
    """A generator that lives in a clock: it yields what it waits for, and is resumed by the clock alone, so that nothing
    runs inside of something else."""

    def __init__(self, clock: Clock, steps: Steps) -> None:
        self._clock, self._steps = clock, steps
        self._timer: Timer | None = None
        self._running = False
        self._stopped = False
        self._step = 0
        self.done = Signal()  # with what the generator returns; not when it was stopped
        self._resume(0, lambda: None)

    @property
    def alive(self) -> bool:
        return not (self._stopped or self.done.happened)

    def stop(self) -> None:
        """Its `finally` blocks run; when it stops itself, as soon as it waits."""
        if not self.alive:
            return
        self._stopped = True
        self._step += 1
        if self._timer is not None:
            self._timer.cancel()
        if not self._running:
            self._steps.close()

    def _resume(self, seconds: float, value: Callable[[], Any]) -> None:
        self._timer = self._clock.after(seconds, lambda: self._go(value()))

    def _go(self, value: Any) -> None:
        self._timer, self._running = None, True
        self._step += 1
        try:
            wanted = self._steps.send(value)
        except StopIteration as end:
            self._running = False
            if not self._stopped:
                self.done.set(end.value)
            return
        except BaseException:
            self._stopped, self._running = True, False
            raise
        self._running = False
        if self._stopped:
            self._steps.close()
        else:
            self._wait(wanted)

    def _wait(self, wanted: Any) -> None:
        if isinstance(wanted, int | float):
            self._resume(float(wanted), lambda: None)
            return
        signal, seconds = wanted if isinstance(wanted, tuple) else (wanted, None)
        step = self._step
        if seconds is not None and not signal.happened:
            self._resume(seconds, lambda: TIMEOUT)

        def wake() -> None:
            if self._step == step and self.alive:
                if self._timer is not None:
                    self._timer.cancel()
                self._step += 1  # it is woken once
                self._resume(0, lambda: signal.value)

        signal.then(wake)


def whole(seconds: float) -> int:
    """Whole seconds that have passed: sums of parts of seconds are a little less than they are."""
    return int(seconds + 0.001)


def rfc2822(moment: float | None) -> str | None:
    """As in answers and webhooks of the voice API."""
    return None if moment is None else format_datetime(datetime.fromtimestamp(int(moment), UTC))


def iso8601(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
