"""What can go wrong between the product and Twilio, drawn from a seed. Nothing does, unless chaos is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fate:
    """Of one attempt to deliver a webhook."""

    lost: bool = False  # Twilio never sends it; documents are always asked for
    delay: float = 0.0  # seconds until it is sent
    refused: bool = False  # no connection
    answers_after: float = 0.0  # seconds that the product seems to take
    status: int | None = None  # what comes instead of the product's answer
    arrives: bool = True  # does the product see it, when its answer is replaced?
    again_after: tuple[float, ...] = ()  # the very same request, once more each
    kills: float | None = None  # the product dies after it, for so many seconds


@dataclass(frozen=True, slots=True)
class ApiFate:
    """Of one request to the REST API."""

    refuse: int | None = None  # 429, 500 or 503, and nothing is done
    no_answer: bool = False  # it is done, and nobody is told
    unreachable: bool = False  # it is not done, and nobody is told
    lag: float = 0.0  # a read shows what was so many seconds ago


FINE, SERVED = Fate(), ApiFate()


class Trouble(Protocol):
    """Who decides."""

    @property
    def reads_lag(self) -> bool:
        """May a read be stale? Then the past is kept."""

    def webhook(self, waits: bool) -> Fate:
        """`waits`: a call waits for the answer."""

    def api(self, reads: bool) -> ApiFate: ...


class Calm:
    reads_lag = False

    def webhook(self, waits: bool) -> Fate:
        return FINE

    def api(self, reads: bool) -> ApiFate:
        return SERVED


@dataclass
class Chaos:
    """Probabilities, each for one attempt. `dice` may be Hypothesis' own, so that what is found gets smaller."""

    dice: Random
    drop: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    latest: float = 600.0  # seconds a status callback may be late, so that later ones overtake it
    refuse: float = 0.0
    fail: float = 0.0  # 5xx, seen by the product or not
    slow: float = 0.0  # the product does it, and answers when Twilio listens no more
    kill: float = 0.0
    down: float = 30.0  # seconds after a kill
    api_limit: float = 0.0  # 429
    api_fail: float = 0.0  # 500 and 503
    api_no_answer: float = 0.0
    api_unreachable: float = 0.0
    stale: float = 0.0
    stalest: float = 20.0
    until: float = float("inf")  # so many attempts get trouble, then it is calm
    troubles: list[str] = field(default_factory=list)  # what was drawn, for whoever reads a failed example

    @classmethod
    def storm(cls, dice: Random, level: float = 0.1) -> Chaos:
        """Everything at once."""
        rates = ("drop duplicate late refuse fail slow api_limit api_fail api_no_answer api_unreachable stale").split()
        return cls(dice, kill=level / 4, **dict.fromkeys(rates, level))  # type: ignore[arg-type]

    @property
    def reads_lag(self) -> bool:
        return self.stale > 0

    def stop(self) -> None:
        self.until = 0

    def webhook(self, waits: bool) -> Fate:
        if self._draws("kill"):
            return Fate(kills=self.dice.uniform(1, self.down))
        if self._draws("refuse"):
            return Fate(refused=True)
        if self._draws("fail"):
            return Fate(status=self.dice.choice((500, 502, 503)), arrives=self.dice.random() < 0.5)
        if self._draws("slow"):
            return Fate(answers_after=self.dice.uniform(15.1, 40))
        again: tuple[float, ...] = ()
        if self._draws("duplicate"):
            again = tuple(self.dice.uniform(0, 2 if waits else self.latest) for _ in range(self.dice.randint(1, 2)))
        if not waits and self._draws("drop"):
            return Fate(lost=True)
        late = 0.0 if waits or not self._draws("late") else self.dice.uniform(0, self.latest)
        return Fate(delay=late, again_after=again)

    def api(self, reads: bool) -> ApiFate:
        if self._draws("api_limit"):
            return ApiFate(refuse=429)
        if self._draws("api_fail"):
            return ApiFate(refuse=self.dice.choice((500, 503)))
        if self._draws("api_no_answer"):
            return ApiFate(no_answer=True)
        if self._draws("api_unreachable"):
            return ApiFate(unreachable=True)
        if reads and self._draws("stale"):
            return ApiFate(lag=self.dice.uniform(0, self.stalest))
        return SERVED

    def _draws(self, name: str) -> bool:
        rate: float = getattr(self, name)
        if not rate or len(self.troubles) >= self.until or self.dice.random() >= rate:
            return False
        self.troubles.append(name)
        return True
