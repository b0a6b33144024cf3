"""A Twilio account to try the product with: on a port of this machine, with the trial's agents and customers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from random import Random

from telephony.fake.twilio.people import answers
from telephony.fake.twilio.server import TwilioServer
from telephony.fake.twilio.traffic import PAUSE, traffic
from webapp.trial.people import Cast

Say = Callable[[str], None]
PUBLIC_URL = "https://ringback.example"  # what Twilio believes to reach us at
CALLS_PER_SECOND = 5
ANSWERS_AFTER = (2.0, 6.0)  # seconds, of simulated agents


class TwilioTrial:
    """`product_url` is where the product is in truth: requests to the public address are brought there, as a proxy would
    do. Agents are browsers that answer by themselves; customers come with `traffic`."""

    def __init__(
        self, people: Cast, product_url: str, say: Say, *, public_url: str = PUBLIC_URL, port: int = 0
    ) -> None:
        self._people, self._say, self.public_url = people, say, public_url
        self.server = TwilioServer(port=port, public={public_url: product_url}, calls_per_second=CALLS_PER_SECOND)
        self._dice = Random()
        logging.getLogger("telephony.fake.twilio").setLevel(logging.ERROR)

    def __enter__(self) -> TwilioTrial:
        twilio = self.server.twilio
        for queue in self._people.queues:
            twilio.buy(queue.did)
        for agent in self._people.agents:
            twilio.people.at(f"client:{agent.username}", answers(self._dice.uniform(*ANSWERS_AFTER)))
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    @property
    def base_url(self) -> str:
        """Where its REST API is."""
        return self.server.base_url

    def point_numbers_at(self, voice_url: str, status_callback: str = "") -> None:
        """As an administrator does on Twilio's pages."""
        with self.server.lock:
            for number in self.server.twilio.numbers.values():
                number.settings.update(VoiceUrl=voice_url, StatusCallback=status_callback)

    def start_traffic(self, customers: Sequence[str], pause: tuple[float, float] = PAUSE) -> None:
        with self.server.lock:
            twilio = self.server.twilio
            twilio.clock.start(traffic(twilio, customers, self._dice, pause))

    def wait(self) -> None:
        """Without end; says each thing once that is asked for and not modelled."""
        said: set[str] = set()
        while True:
            with self.server.lock:
                self.server.lock.wait(1.0)
                errors = [str(error) for error in self.server.errors]
                self.server.errors.clear()
            for error in errors:
                if error not in said:
                    said.add(error)
                    self._say(f"not modelled: {error}")

    def table(self, name: str) -> str:
        """Of the switches file."""
        account = self.server.twilio.account
        numbers = ", ".join(f'"{queue.did}" = "{queue.name}"' for queue in self._people.queues)
        return "\n".join(
            (
                f"[{name}]",
                'kind = "twilio"',
                f'account_sid = "{account.sid}"',
                f'auth_token = "{account.auth_token}"',
                f'api_key = "{account.key_sid}"',
                f'api_secret = "{account.key_secret}"',
                f'public_url = "{self.public_url}"',
                f'api_url = "{self.base_url}"',
                f'shown_number = "{self._people.shown_number}"',
                f"numbers = {{ {numbers} }}",
                f"calls_per_second = {CALLS_PER_SECOND}",
            )
        )
