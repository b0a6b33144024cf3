"""`FakeTwilio` joins the parts into one account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from telephony.fake.twilio.calls import Calls, owns
from telephony.fake.twilio.chaos import Calm, Trouble
from telephony.fake.twilio.clock import Clock
from telephony.fake.twilio.conferences import Conferences
from telephony.fake.twilio.ids import Sids
from telephony.fake.twilio.messages import Messages
from telephony.fake.twilio.model import Account, Alert, Application, Number, Resource, Target
from telephony.fake.twilio.people import People
from telephony.fake.twilio.queues import Queues
from telephony.fake.twilio.recordings import Recordings
from telephony.fake.twilio.transports import NoProduct
from telephony.fake.twilio.webhooks import Transport, Webhooks


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is not known of the real one, as it may be either way: the product must be right in each."""

    abandoned_early: str = "no-answer"  # an inbound call that ends before it was answered; or completed
    unregistered_client: str = "no-answer"  # or failed
    removed_reason: str = "participant_updated_via_api"  # of a participant that was deleted; or participant_hung_up
    failed_add_leaves: bool = True  # does who never joined leave?
    failed_wait: str = "error"  # a waitUrl without an answer ends the wait; or silence
    told_after_fallback: bool = True  # does the number's StatusCallback fire when a document could not be had?
    token_on_first: bool = False  # does the first attempt bear an idempotency token?

    @classmethod
    def drawn(cls, dice: Random) -> Doubts:
        return cls(
            dice.choice(("no-answer", "completed")),
            dice.choice(("no-answer", "failed")),
            dice.choice(("participant_updated_via_api", "participant_hung_up")),
            dice.random() < 0.5,
            dice.choice(("error", "silence")),
            dice.random() < 0.5,
            dice.random() < 0.5,
        )


class FakeTwilio:
    """One account. In virtual time: `twilio.people.call(...)`, then `twilio.clock.advance(30)`."""

    def __init__(
        self,
        transport: Transport | None = None,
        *,
        seed: int = 1,
        clock: Clock | None = None,
        trouble: Trouble | None = None,
        doubts: Doubts | None = None,
        calls_per_second: float = 1.0,
    ) -> None:
        self.dice = Random(seed)
        self.sids = Sids(Random(seed + 1))
        self.clock = clock or Clock()
        self.trouble: Trouble = trouble or Calm()
        self.doubts = doubts or Doubts()
        self.account = Account(
            self.sids.new("AC"), self.sids.new(""), self.sids.new("SK"), self.sids.new(""),
            calls_per_second=calls_per_second,
        )  # fmt: skip
        self.numbers: dict[str, Number] = {}
        self.applications: dict[str, Application] = {}
        self.alerts: list[Alert] = []
        self.sounds: dict[str, float] = {}  # seconds, by URL; others are asked for
        self.view: Callable[[Resource], dict[str, object]] = lambda resource: {}  # as the API shows it
        self.webhooks = Webhooks(self, transport or NoProduct())
        self.webhooks.token_on_first = self.doubts.token_on_first
        self.people = People(self)
        self.recordings = Recordings(self)
        self.queues = Queues(self)
        self.conferences = Conferences(self)
        self.messages = Messages(self)
        self.calls = Calls(self)

    def buy(self, phone_number: str, **settings: str) -> Number:
        """A number of the account; settings as the API names them: VoiceUrl, StatusCallback, SmsUrl …"""
        now = self.clock.now
        number = Number(self.sids.new("PN"), now, now, phone_number, phone_number, settings)
        self.numbers[number.sid] = number
        return number

    def application(self, friendly_name: str, **settings: str) -> Application:
        now = self.clock.now
        application = Application(self.sids.new("AP"), now, now, friendly_name, settings)
        self.applications[application.sid] = application
        return application

    def number(self, phone_number: str) -> Number | None:
        return next((each for each in self.numbers.values() if each.phone_number == phone_number), None)

    def owns(self, address: str) -> bool:
        return owns(self.account, self.numbers, address)

    def alert(self, code: int, text: str, about: str, target: Target | None = None) -> None:
        url, method = (target.url, target.method) if target is not None else ("", "")
        self.alerts.append(Alert(self.sids.new("NO"), self.clock.now, code, text, about, url, method))

    def changed(self, resource: Resource) -> None:
        """After each change: reads that are stale show what was before."""
        resource.updated = self.clock.now
        if self.trouble.reads_lag:
            resource.history.append((self.clock.now, self.view(resource)))

    def go_down(self, seconds: float) -> None:
        """The product accepts no connections."""
        self.webhooks.down_until = self.clock.now + seconds
