"""Commands to a Twilio account: asked within its limits, and nobody is ever called twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from twilio.http import HttpClient
from twilio.http.response import Response

from telephony.commands import Ask, Complete, Drop, Hangup, Hold, Join, Mute, Originate, Resume, Swap, Transfer
from telephony.errors import BadValue, SwitchError, SwitchRefused, SwitchUnavailable
from telephony.twilio.addresses import Addresses
from telephony.twilio.handles import Handle
from telephony.twilio.rest import Gone, Pace, Rest, Uncertain
from telephony.twilio.switch import TwilioSwitch
from tests.telephony.twilio.hooks import CALLER, DANA, OURS, QUEUE, REQUEST, ROOM, sid

ALICE, BOB = sid("alice"), sid("bob")
CHANNEL = str(Handle(ALICE, DANA))


class Account(HttpClient):
    """An account with one room, that answers as Twilio does. `fail` says what becomes of a request."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("nobody"), False, None)
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.room: dict[str, dict[str, Any]] = {}
        self.named = ""
        self.fail: Callable[[str, str], Exception | tuple[int, int] | None] = lambda _method, _path: None
        self.lose_answers = False

    def joins(self, leg: str, label: str, held: bool = False) -> None:
        self.room[leg] = {"call_sid": leg, "label": label, "hold": held, "conference_sid": ROOM, "muted": False}

    def request(self, method: str, url: str, params: Any = None, data: Any = None, *_: Any, **__: Any) -> Response:
        path = urlsplit(url).path.partition("/Accounts/")[2].partition("/")[2]
        self.asked.append((method, path, dict(data or {})))
        problem = self.fail(method, path)
        if isinstance(problem, Exception) and not self.lose_answers:
            raise problem
        if isinstance(problem, tuple):
            status, code = problem
            return Response(status, json.dumps({"code": code, "message": "no", "status": status}))
        answer = self._do(method, path, dict(data or {}))
        if isinstance(problem, Exception):
            raise problem
        return answer

    def _do(self, method: str, path: str, data: dict[str, Any]) -> Response:
        if method == "GET" and path.startswith("Conferences.json"):
            rooms = [{"sid": ROOM, "friendly_name": self.named, "status": "in-progress"}] if self.named else []
            return Response(200, json.dumps({"conferences": rooms}))
        if method == "GET" and path.endswith("Participants.json"):
            return Response(200, json.dumps({"participants": list(self.room.values())}))
        if method == "POST" and path.endswith("Participants.json"):
            self.named, leg = path.split("/")[1], sid(data["Label"])
            self.joins(leg, data["Label"])
            return Response(201, json.dumps(self.room[leg]))
        if "/Participants/" in path:
            leg = path.rpartition("/")[2].partition(".")[0]
            if method == "DELETE":
                self.room.pop(leg, None)
                return Response(204, "")
            self.room[leg]["hold"] = {"true": True, "True": True}.get(str(data.get("Hold")), False)
            return Response(200, json.dumps(self.room[leg]))
        return Response(200, json.dumps({"sid": "x", "call_sid": "x"}))

    def done(self) -> list[tuple[str, str]]:
        """What was changed, in short."""
        return [(method, path) for method, path, _ in self.asked if method != "GET"]


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def rest(account: Account, time: Time) -> Rest:
    sids = ("AC" + "0" * 32, "SK" + "0" * 32, "secret")
    return Rest(*sids, calls_per_second=2, http=account, clock=time, sleep=time.sleep)


@pytest.fixture
def switch(rest: Rest) -> TwilioSwitch:
    return TwilioSwitch("gr", rest, Addresses("https://crm.example.org", "gr"), shown=OURS)


@pytest.fixture
def talking(account: Account) -> Account:
    account.joins(ALICE, "offer-0000000a")
    account.joins(DANA, "customer")
    account.named = DANA
    return account


CALL = Originate(uid=REQUEST, line="Client/alice", number=CALLER, ring_seconds=30)


def test_alice_is_rung_first_and_the_customer_when_she_is_there(switch: TwilioSwitch, account: Account) -> None:
    switch.originate(CALL)
    [(method, path, data)] = account.asked
    assert (method, path) == ("POST", f"Conferences/{REQUEST}/Participants.json")
    assert (data["To"], data["From"]) == (f"client:alice?call={REQUEST}", OURS)
    assert data["Label"].startswith("agent-") and int(data["Timeout"]) == 25  # and Twilio's five
    assert CALLER not in json.dumps(data)
    assert data["StatusCallback"].startswith(f"https://crm.example.org/twilio/gr/leg/{REQUEST}/agent-")
    switch.dial_customer(REQUEST, CALLER, shown="+302100000101")
    data = account.asked[-1][2]
    assert (data["To"], data["From"], data["Label"]) == (CALLER, "+302100000101", "customer")
    assert CALLER.lstrip("+") not in data["StatusCallback"]


@pytest.mark.parametrize("error", [requests.ReadTimeout(), requests.ConnectionError("reset"), (500, 20500), (503, 0)])
def test_who_gets_no_answer_never_dials_again(
    switch: TwilioSwitch, account: Account, error: Exception | tuple[int, int]
) -> None:
    account.fail = lambda method, _path: error if method == "POST" else None
    with pytest.raises(Uncertain):
        switch.originate(CALL)
    assert len(account.done()) == 1


@pytest.mark.parametrize("error", [requests.ReadTimeout(), requests.ConnectionError("reset")])
def test_a_request_that_was_done_though_its_answer_was_lost_is_found(
    switch: TwilioSwitch, account: Account, error: Exception
) -> None:
    account.fail, account.lose_answers = (lambda method, _path: error if method == "POST" else None), True
    switch.originate(CALL)
    switch.dial_customer(REQUEST, CALLER)
    assert len(account.done()) == 2


def test_what_was_refused_for_being_too_much_is_asked_again(switch: TwilioSwitch, account: Account, time: Time) -> None:
    answers = iter([(429, 20429), (429, 20429), None])
    account.fail = lambda _method, _path: next(answers)
    switch.originate(CALL)
    assert len(account.done()) == 3 and time.now > 0


def test_what_never_left_is_asked_again(switch: TwilioSwitch, account: Account) -> None:
    answers = iter([requests.ConnectTimeout(), None])
    account.fail = lambda _method, _path: next(answers)
    switch.originate(CALL)
    assert len(account.done()) == 2


def test_nobody_is_asked_for_ever(switch: TwilioSwitch, account: Account, time: Time) -> None:
    account.fail = lambda _method, _path: (429, 20429)
    with pytest.raises(SwitchRefused, match="no more requests"):
        switch.originate(CALL)
    account.fail = lambda _method, _path: (503, 0)
    with pytest.raises(SwitchUnavailable):
        switch.end(ALICE)
    assert time.now < 20


def test_what_may_be_done_twice_is_tried_again(switch: TwilioSwitch, account: Account) -> None:
    answers = iter([(500, 0), requests.ReadTimeout(), None])
    account.fail = lambda _method, _path: next(answers)
    switch.end(ALICE)
    assert account.done() == [("POST", f"Calls/{ALICE}.json")] * 3


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(404, 20404, Gone), (400, 21220, Gone), (401, 20003, SwitchRefused)]
)
def test_a_refusal_is_said_and_not_repeated(
    switch: TwilioSwitch, account: Account, status: int, code: int, kind: type[SwitchError]
) -> None:
    account.fail = lambda _method, _path: (status, code)
    with pytest.raises(kind):
        switch.connect(DANA, QUEUE)
    assert len(account.asked) == 1


def test_calls_are_begun_as_many_in_a_second_as_the_account_may(time: Time) -> None:
    pace = Pace(2, time, time.sleep)
    moments = []
    for _ in range(4):
        pace.wait(8)
        moments.append(time.now)
    assert moments == [0, 0.5, 1.0, 1.5]


def test_who_comes_when_too_many_wait_is_refused_and_nothing_was_asked() -> None:
    pace = Pace(1, lambda: 0.0, lambda _seconds: None)
    for _ in range(4):
        pace.wait(3)
    with pytest.raises(SwitchRefused, match="too many calls"):
        pace.wait(3)


def test_dana_is_brought_from_the_queue_into_the_room(switch: TwilioSwitch, account: Account) -> None:
    switch.connect(DANA, QUEUE)
    [(method, path, data)] = account.asked
    assert (method, path) == ("POST", f"Queues/{QUEUE}/Members/{DANA}.json")
    assert data["Url"].startswith(f"https://crm.example.org/twilio/gr/join/{DANA}#")


def test_who_is_alone_with_the_customer_ends_the_call_and_of_two_one_leaves(
    switch: TwilioSwitch, talking: Account
) -> None:
    talking.joins(sid("sofia"), "listener-0000000c")
    switch.hangup(Hangup(CHANNEL))
    assert talking.done() == [("POST", f"Conferences/{ROOM}.json")]
    talking.joins(BOB, "asked-0000000b")
    switch.hangup(Hangup(CHANNEL))
    assert talking.done()[-1] == ("POST", f"Calls/{ALICE}.json")


def test_a_phone_that_only_rings_is_hung_up_by_itself(switch: TwilioSwitch, account: Account) -> None:
    switch.hangup(Hangup(CHANNEL))
    assert account.done() == [("POST", f"Calls/{ALICE}.json")]


def test_the_customer_waits_and_comes_back(switch: TwilioSwitch, talking: Account) -> None:
    switch.hold(Hold(CHANNEL))
    assert talking.room[DANA]["hold"] and not talking.room[ALICE]["hold"]
    assert talking.asked[-1][2]["HoldUrl"].startswith(f"https://crm.example.org/twilio/gr/hold/{DANA}#")
    switch.resume(Resume(CHANNEL))
    assert not talking.room[DANA]["hold"]


def test_alice_is_not_heard(switch: TwilioSwitch, talking: Account) -> None:
    switch.mute(Mute(CHANNEL, True))
    _method, path, data = talking.asked[-1]
    assert path == f"Conferences/{ROOM}/Participants/{ALICE}.json" and str(data["Muted"]).lower() == "true"


def test_dana_is_sent_on_and_alice_is_free(switch: TwilioSwitch, talking: Account) -> None:
    switch.transfer(Transfer(CHANNEL, "*bob", "Client/alice", "sales"))
    ring, leave = [asked for asked in talking.asked if asked[0] != "GET"]
    assert ring[2]["To"] == f"client:bob?call={DANA}" and ring[2]["Label"].startswith("sent-")
    assert ring[2]["StatusCallback"].partition("#")[0].endswith("/Client~alice")
    assert leave[:2] == ("DELETE", f"Conferences/{ROOM}/Participants/{ALICE}.json")


def test_bob_is_asked_while_dana_waits_then_swapped_joined_and_handed_over(
    switch: TwilioSwitch, talking: Account
) -> None:
    switch.ask(Ask(CHANNEL, "*bob", "Client/alice"))
    bob = next(leg for leg, each in talking.room.items() if each["label"].startswith("asked-"))
    held = lambda: {leg for leg, each in talking.room.items() if each["hold"]}
    assert held() == {DANA}
    switch.swap(Swap(CHANNEL))
    assert held() == {bob}
    switch.join(Join(CHANNEL, "1234"))
    assert held() == set()
    switch.complete(Complete(CHANNEL, "1234", to="*bob"))
    assert set(talking.room) == {DANA, bob}


def test_while_swapping_all_three_are_never_together(switch: TwilioSwitch, talking: Account) -> None:
    talking.room[DANA]["hold"] = True
    talking.joins(BOB, "asked-0000000b")
    switch.swap(Swap(CHANNEL))
    changed = [path.rpartition("/")[2] for method, path, _ in talking.asked if method == "POST"]
    assert changed == [f"{BOB}.json", f"{DANA}.json"]


def test_bob_is_let_go_whether_he_waits_or_talks(switch: TwilioSwitch, talking: Account) -> None:
    talking.joins(BOB, "asked-0000000b", held=True)
    switch.drop(Drop(CHANNEL))
    assert talking.done() == [("POST", f"Calls/{BOB}.json")]
    talking.room[BOB]["hold"], talking.room[DANA]["hold"] = False, True
    switch.resume(Resume(CHANNEL))
    assert talking.done()[1:] == [
        ("POST", f"Calls/{BOB}.json"),
        ("POST", f"Conferences/{ROOM}/Participants/{DANA}.json"),
    ]


def test_dana_does_not_go_on_waiting_when_bob_cannot_be_asked(switch: TwilioSwitch, talking: Account) -> None:
    talking.fail = lambda method, path: (
        (400, 21211) if method == "POST" and path.endswith("Participants.json") else None
    )
    with pytest.raises(SwitchRefused):
        switch.ask(Ask(CHANNEL, "*bob", "Client/alice"))
    assert not talking.room[DANA]["hold"]


@pytest.mark.parametrize("channel", ["PJSIP/alice-01", "Call/CA1@x", f"Call/{ALICE}@../{DANA}", f"Call/{ALICE}"])
def test_a_channel_of_another_switch_is_refused(switch: TwilioSwitch, account: Account, channel: str) -> None:
    with pytest.raises(BadValue):
        switch.hangup(Hangup(channel))
    assert account.asked == []


def test_a_line_of_another_switch_is_refused(switch: TwilioSwitch, account: Account) -> None:
    with pytest.raises(BadValue):
        switch.originate(Originate(uid=REQUEST, line="PJSIP/alice", number=CALLER))
    assert account.asked == []
