"""Any people, any trouble: the stand-in itself keeps its own rules, thousands of times."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from telephony.fake.twilio import Api, Chaos, Doubts, FakeTwilio, FunctionTransport, client_of, truth
from telephony.fake.twilio.people import Script, answers, busy, by_hand, ignores, rejects, unreachable
from tests.fake_twilio.conftest import BOB, OURS
from tests.fake_twilio.product import HOST, Params, Product, twiml

EVENTS = ["initiated", "ringing", "answered", "completed"]


class Desk:
    """The simplest product that does everything: each caller waits, an agent is rung, they meet in a room."""

    def __init__(self, client: Client, product: Product) -> None:
        self._client, self._product = client, product
        self._rung: set[str] = set()
        product.documents |= {
            "/voice": twiml('<Enqueue action="/exit" waitUrl="/wait">q</Enqueue>'),
            "/wait": self._wait,
            "/exit": self._exit,
            "/join": lambda params: twiml(
                f'<Dial><Conference endConferenceOnExit="true" statusCallback="/room" statusCallbackEvent="start end '
                f'join leave hold modify mute">{params["CallSid"]}</Conference></Dial>'
            ),
            "/leg": self._leg,
            "/box": twiml("<Hangup/>"),
            "/sorry": twiml("<Say>Sorry</Say><Record action='https://crm.test/box'/>"),
        }

    def _wait(self, params: Params) -> str:
        sid = params["CallSid"]
        if int(params["QueueTime"]) > 40:
            return twiml("<Leave/>")
        if sid not in self._rung:
            self._rung.add(sid)
            self._try(lambda: self._client.conferences(sid).participants.create(
                to=BOB, from_=OURS, timeout=15, record=True, recording_channels="dual", status_callback=f"{HOST}/leg",
                status_callback_event=EVENTS, conference_status_callback=f"{HOST}/room",
                recording_status_callback=f"{HOST}/recording",
            ))  # fmt: skip
        return twiml('<Pause length="5"/>')

    def _leg(self, params: Params) -> str:
        if params["CallStatus"] == "in-progress":
            for queue in self._try(lambda: self._client.queues.list()) or []:
                self._try(
                    lambda queue=queue: self._client.queues(queue.sid).members("Front").update(url=f"{HOST}/join")
                )
        return twiml()

    def _exit(self, params: Params) -> str:
        return twiml('<Record action="/box"/>') if params["QueueResult"] in ("leave", "error") else twiml()

    @staticmethod
    def _try(do: Callable[[], Any]) -> Any:
        with suppress(TwilioException, requests.RequestException):
            return do()


def callers() -> st.SearchStrategy[Script]:
    return st.builds(
        lambda patience, talks, message: by_hand().gives_up(patience).talks_for(talks).leaves_message(message),
        st.integers(1, 90), st.integers(1, 120), st.integers(0, 20),
    )  # fmt: skip


def agents() -> st.SearchStrategy[Script]:
    answering = st.builds(lambda after, stays: answers(after).hangs_up(stays), st.integers(0, 18), st.integers(1, 200))
    return st.one_of(answering, st.sampled_from([busy(), rejects(), ignores(), unreachable()]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    people=st.lists(st.tuples(st.integers(0, 60), callers()), min_size=1, max_size=4),
    bobs=st.lists(agents(), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    level=st.sampled_from([0.0, 0.05, 0.3]),
)
def test_whatever_happens_every_call_ends_and_the_books_agree(
    people: list[tuple[int, Script]], bobs: list[Script], seed: int, level: float
) -> None:
    first = play(people, bobs, seed, level)
    check(first)
    again = play(people, bobs, seed, level)
    assert [(each.at, each.path, each.attempt) for each in first.webhooks.log] == [
        (each.at, each.path, each.attempt) for each in again.webhooks.log
    ]


def play(people: list[tuple[int, Script]], bobs: list[Script], seed: int, level: float) -> FakeTwilio:
    product, dice = Product(), Random(seed)
    twilio = FakeTwilio(
        FunctionTransport(product), seed=seed, trouble=Chaos.storm(dice, level), doubts=Doubts.drawn(dice),
        calls_per_second=5,
    )  # fmt: skip
    product.token = twilio.account.auth_token
    Desk(client_of(Api(twilio)), product)
    twilio.buy(
        OURS, VoiceUrl=f"{HOST}/voice#rc=2&rp=5xx,ct", VoiceFallbackUrl="https://fallback.test/sorry",
        StatusCallback=f"{HOST}/number",
    )  # fmt: skip
    twilio.people.at(BOB, *bobs)
    for i, (pause, script) in enumerate(people):
        twilio.clock.advance(pause)
        twilio.people.call(f"+1500555010{i}", OURS, script)
    twilio.clock.run_until_idle()
    assert product.refused == 0
    return twilio


def check(twilio: FakeTwilio) -> None:
    for call in twilio.calls.all.values():
        assert call.is_over and call.ended is not None
        assert call.answered is None or call.status == "completed"
        assert call.place is None and (call.process is None or not call.process.alive)
        for other, seconds in call.talked.items():
            assert twilio.calls.all[other].talked[call.sid] == seconds
            assert call.answered is not None and seconds <= call.ended - call.answered
    assert all(room.status == "completed" and not room.participants for room in twilio.conferences.all.values())
    assert all(not queue.members for queue in twilio.queues.all.values())
    assert all(each.status in ("completed", "absent") for each in twilio.recordings.all.values())
    assert twilio.queues.memberships == {}
    told = truth(twilio)
    assert len(told) == sum(1 for call in twilio.calls.roots if call.direction == "inbound")
    assert all(set(each.talked) <= {BOB} for each in told)
