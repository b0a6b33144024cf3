"""What Twilio sends is kept before it is answered; what is not signed, or told again too late, changes nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from config.twilio import TwilioSettings
from telephony.errors import SwitchRefused, SwitchUnavailable
from telephony.events import CallEvent, Direction, LegResult, Result, Resynced
from telephony.journal import Journal
from telephony.twilio.bridge import TwilioBridge
from telephony.twilio.rest import Uncertain
from telephony.twilio.webhooks import Role, Webhook
from tests.telephony.twilio.hooks import CALLER, DANA, OURS, QUEUE, Story, answered, sid
from tests.webapp.calls.conftest import BASE, TOKEN, Twilio
from webapp import switches
from webapp.accounts.models import User
from webapp.bridges import BridgeKeeper
from webapp.calls import actions, capture
from webapp.calls.models import Call, CallState, SwitchRequest, SwitchStep
from webapp.calls.webhooks import CLAIM, RequestInbox, bell_of
from webapp.db import db, now, transaction
from webapp.tasks.models import Callback

pytestmark = pytest.mark.req("T32")


def rows() -> Sequence[SwitchRequest]:
    db.session.rollback()
    return db.session.scalars(sa.select(SwitchRequest).order_by(SwitchRequest.received_at)).all()


def verbs(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.status_code
    assert answer.mimetype == "text/xml"
    return [element.tag for element in ElementTree.fromstring(answer.data)]


def first(story: Story) -> Webhook:
    return story.webhooks[0]


VOICE = first(Story().calls(0))
WAIT = first(Story().waits(5))


# ------------------------------------------------------------------------------------------------------------- who asks


def test_danas_call_is_kept_before_it_is_answered(twilio: Twilio) -> None:
    assert verbs(twilio.asks(VOICE)) == ["Enqueue"]
    [row] = rows()
    assert (row.switch, row.kind, row.root, row.decision, row.handled_at) == ("gr", "voice", DANA, "enqueue", None)
    assert row.fields["From"] == CALLER


def test_whoever_is_not_twilio_is_refused_without_a_word_and_changes_nothing(
    twilio: Twilio, client: FlaskClient
) -> None:
    fields = dict(VOICE.fields)
    path = "/twilio/gr/voice"
    refused = [
        client.post(path, data=fields),
        twilio.posts(path, fields, token="f" * 32),
        twilio.posts(path, fields | {"To": "+30999"}, signed=fields),
        twilio.posts(path, fields, signature="no signature"),
        twilio.posts("/twilio/de/voice", fields),
        twilio.posts(path, fields | {"AccountSid": "AC" + "9" * 32}),
        twilio.posts(path + "?x=1", fields, signature=RequestValidator(TOKEN).compute_signature(BASE + path, fields)),
    ]
    assert [(answer.status_code, answer.data) for answer in refused] == [(403, b"")] * len(refused)
    assert rows() == []


def test_a_json_body_is_no_way_around_the_signature(client: FlaskClient, account: TwilioSettings) -> None:
    body = json.dumps({"AccountSid": account.account_sid, "CallSid": DANA}).encode()
    for query in ("", f"?bodySHA256={sha256(body).hexdigest()}", "?bodySHA256=0"):
        path = f"/twilio/gr/voice{query}"
        signature = RequestValidator(TOKEN).compute_signature(BASE + path, {})
        answer = client.post(
            path, data=body, content_type="application/json", headers={"X-Twilio-Signature": signature}
        )
        assert answer.status_code == 403
    assert rows() == []


def test_an_address_counts_as_it_was_written(twilio: Twilio) -> None:
    assert twilio.posts("/twilio/gr/voice?q=a%2Fb%7E%C3%A9", dict(VOICE.fields)).status_code == 200


def test_what_stands_before_us_does_not_decide_who_we_are(twilio: Twilio) -> None:
    forged = {"base_url": "http://other.example.org"}
    assert twilio.asks(VOICE, **forged).status_code == 200


def test_the_old_token_is_good_while_it_is_changed(app: Flask, twilio: Twilio, account: TwilioSettings) -> None:
    app.extensions["ringback.accounts"] = {"gr": replace(account, auth_token="e" * 32, old_auth_token=TOKEN)}
    assert twilio.asks(VOICE).status_code == 200


def test_what_is_told_twice_is_one_row_and_gets_one_answer(twilio: Twilio) -> None:
    once, twice = twilio.asks(VOICE), twilio.asks(VOICE)
    assert once.data == twice.data and len(rows()) == 1


def test_a_replay_is_refused(twilio: Twilio) -> None:
    twilio.asks(VOICE)
    with transaction():
        db.session.execute(sa.update(SwitchRequest).values(received_at=now() - timedelta(minutes=2)))
    assert twilio.asks(VOICE).status_code == 403
    assert len(rows()) == 1


@pytest.mark.parametrize(
    "path",
    ["/twilio/gr/nothing", "/twilio/gr/leg/CA1/offer-0a1b2c3d", f"/twilio/gr/leg/{DANA}/boss-0a1b2c3d",
     f"/twilio/gr/wait/{DANA}/x/sales", f"/twilio/gr/wait/{DANA}/1/a%20b", f"/twilio/gr/leg/{DANA}/sent-0a1b2c3d/PJSIP~x"],
)  # fmt: skip
def test_an_address_that_we_never_gave_tells_nothing(twilio: Twilio, path: str) -> None:
    assert twilio.posts(path, dict(VOICE.fields)).status_code == 404
    assert rows() == []


def test_what_no_database_keeps_is_kept_without_it(twilio: Twilio) -> None:
    twilio.posts("/twilio/gr/voice", dict(VOICE.fields) | {"CallerName": "a\x00b", "Long": "x" * 50_000})
    [row] = rows()
    assert "\x00" not in row.fields["CallerName"] and len(row.fields["Long"]) == 2_000


# ------------------------------------------------------------------------------------------------------------- waiting


def test_a_caller_waits_while_somebody_could_come(
    twilio: Twilio, with_a_page: Callable[[str], User], bridge_alive: None
) -> None:
    with_a_page("alice")
    assert verbs(twilio.asks(WAIT)) == ["Say", "Pause"]


def test_a_caller_whom_nobody_could_take_is_let_go(
    twilio: Twilio, with_a_page: Callable[[str], User], bridge_alive: None
) -> None:
    assert verbs(twilio.asks(WAIT)) == ["Leave"]
    assert [row.decision for row in rows()] == ["nobody"]


def test_a_caller_is_let_go_when_nobody_gives_callers_to_agents(
    twilio: Twilio, with_a_page: Callable[[str], User]
) -> None:
    with_a_page("alice")
    assert verbs(twilio.asks(WAIT)) == ["Leave"]
    assert [row.decision for row in rows()] == ["no-bridge"]


def test_a_caller_does_not_wait_for_ever_and_leaves_a_message(
    twilio: Twilio, with_a_page: Callable[[str], User], bridge_alive: None
) -> None:
    with_a_page("alice")
    assert verbs(twilio.asks(first(Story().waits(301)))) == ["Leave"]
    assert verbs(twilio.asks(first(Story().leaves_queue(302, "leave")))) == ["Say", "Record"]
    assert verbs(twilio.asks(first(Story().says(310, 5)))) == ["Say", "Hangup"]
    assert [row.decision for row in rows()] == ["too-long", "too-long", "end"]


def test_a_number_without_a_queue_loses_nobody(twilio: Twilio) -> None:
    stray = dict(VOICE.fields) | {"To": "+302100000199"}
    assert verbs(twilio.posts("/twilio/gr/voice", stray)) == ["Say", "Record"]


def test_who_was_brought_elsewhere_is_not_brought_back(twilio: Twilio) -> None:
    assert verbs(twilio.asks(first(Story().leaves_queue(8, "redirected")))) == []


def test_callers_are_spoken_to_in_their_language(app: Flask, twilio: Twilio, account: TwilioSettings) -> None:
    app.extensions["ringback.accounts"] = {"gr": replace(account, language="el-GR")}
    answer = twilio.posts("/twilio/gr/voice", dict(VOICE.fields) | {"To": "+302100000199"})
    assert "Αφήστε" in answer.get_data(as_text=True)


# --------------------------------------------------------------------------------------------------------- what follows


class Account:
    """What is asked of it, and what it refuses."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.refuse: Exception | None = None

    def dial_customer(self, root: str, number: str, *, shown: str = "") -> None:
        self._take("dial", root, number, shown)

    def offer(self, root: str, line: str, *, role: Role = Role.OFFER, ring_seconds: int, by: str = "") -> str:
        self._take("offer", root, line, role.value)
        return sid(line)

    def connect(self, root: str, queue_sid: str) -> None:
        self._take("connect", root, queue_sid)

    def requeue(self, leg: str, twiml: str) -> None:
        self._take("requeue", leg)

    def end(self, leg: str) -> None:
        self._take("end", leg)

    def _take(self, *what: str) -> None:
        self.asked.append(what)
        if self.refuse is not None:
            raise self.refuse


class Bridge:
    def __init__(self, app: Flask, settings: TwilioSettings, tmp_path: Path) -> None:
        self.app, self.settings, self._directory = app, settings, tmp_path / "journal"
        self.account = Account()
        self.told: list[Any] = []
        self.problem: Exception | None = None

    def turn(self) -> None:
        """One that was just started: nothing is remembered but what is in rows."""
        journal = Journal(self._directory)
        try:
            TwilioBridge(
                RequestInbox(self.app, self.settings), self.account, self._deliver, journal, threading.Event()
            ).turn()
        finally:
            journal.close()

    def _deliver(self, event: Any) -> None:
        if self.problem is not None:
            raise self.problem
        self.told.append(event)
        assert isinstance(event, CallEvent | Resynced)
        with self.app.app_context():
            capture.record(event, switch="gr")


@pytest.fixture
def bridge(app: Flask, account: TwilioSettings, tmp_path: Path) -> Bridge:
    return Bridge(app, account, tmp_path)


def the_call(uid: str = DANA) -> Call:
    db.session.rollback()
    return db.session.scalars(sa.select(Call).where(Call.uid == uid)).unique().one()


def send(twilio: Twilio, story: Story, bridge: Bridge | None = None) -> None:
    for webhook in story.webhooks:
        assert twilio.asks(webhook).status_code in (200, 204)
        if bridge is not None:
            bridge.turn()


def test_a_whole_call_becomes_the_row_that_it_would_be_on_any_switch(
    twilio: Twilio, bridge: Bridge, with_a_page: Callable[[str], User], bridge_alive: None
) -> None:
    alice = with_a_page("alice")
    send(twilio, answered(), bridge)
    call = the_call()
    assert (call.direction, call.state, call.result) == (Direction.INBOUND, CallState.ENDED, Result.ANSWERED)
    assert (call.number, call.did, call.queue) == (CALLER, OURS, "sales")
    [leg] = call.legs
    assert (leg.user_id, leg.line, leg.result) == (alice.id, "Client/alice", LegResult.ANSWERED)
    assert all(row.handled_at for row in rows())


def test_alice_rings_on_her_own_screen_only(
    twilio: Twilio, bridge: Bridge, with_a_page: Callable[[str], User], as_: Callable[[User], FlaskClient],
    bridge_alive: None,
) -> None:  # fmt: skip
    alice, bob = with_a_page("alice"), with_a_page("bob")
    send(twilio, Story().calls(0).waits(0.5).rings(2, "alice"), bridge)
    db.session.execute(sa.update(Call).values(started_at=now()))
    assert the_call().leg_of(alice.id) is not None
    assert the_call().leg_of(bob.id) is None


def test_whoever_gives_up_is_called_back(twilio: Twilio, bridge: Bridge) -> None:
    send(twilio, Story().calls(0).waits(0.5).leaves_queue(10, "hangup").ends(10), bridge)
    assert the_call().result is Result.ABANDONED
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Callback)) == 1


def test_whoever_leaves_a_message_is_called_back_once(twilio: Twilio, bridge: Bridge) -> None:
    send(twilio, Story().calls(0).waits(0.5), bridge)
    send(twilio, Story().leaves_queue(5, "leave").says(15, 8).ends(16), bridge)
    assert the_call().result is Result.NO_AGENTS
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Callback)) == 1


def test_the_whole_story_in_one_turn_is_the_same(twilio: Twilio, bridge: Bridge) -> None:
    send(twilio, answered())
    bridge.turn()
    assert the_call().result is Result.ANSWERED
    told = len(bridge.told)
    bridge.turn()
    assert len(bridge.told) == told


def test_dana_is_connected_once_though_the_bridge_dies_and_comes_back(
    twilio: Twilio, bridge: Bridge, with_a_page: Callable[[str], User], bridge_alive: None
) -> None:
    with_a_page("alice")
    send(twilio, Story().calls(0).waits(0.5).rings(2, "alice").leg(5, "alice", "in-progress"), bridge)
    bridge.turn()
    assert bridge.account.asked == [("connect", DANA, QUEUE)]


def test_what_could_not_be_done_now_is_done_later_if_it_does_no_harm(
    twilio: Twilio, bridge: Bridge, with_a_page: Callable[[str], User], bridge_alive: None
) -> None:
    with_a_page("alice")
    bridge.account.refuse = SwitchUnavailable("Twilio does not answer")
    send(twilio, Story().calls(0).waits(0.5).rings(2, "alice").leg(5, "alice", "in-progress"), bridge)
    bridge.turn()
    assert len(bridge.account.asked) == 1
    bridge.account.refuse = None
    later()
    bridge.turn()
    assert bridge.account.asked == [("connect", DANA, QUEUE)] * 2
    later()
    bridge.turn()
    assert len(bridge.account.asked) == 2


def later() -> None:
    """The claims of whoever died are over."""
    with transaction():
        db.session.execute(sa.update(SwitchStep).values(claimed_until=now() - CLAIM))


@pytest.fixture
def asked_for(app: Flask, account: TwilioSettings, with_a_page: Callable[[str], User]) -> Call:
    """Alice has asked for a call to Dana."""
    alice = with_a_page("alice")
    with transaction():
        return actions.request_call(db.session.get_one(User, alice.id), CALLER, "click")


def ready(call: Call) -> Story:
    story = Story(call.uid).rings(0, "alice", "agent").leg(2, "alice", "in-progress", "agent")
    return story.room(2, "alice", "participant-join", role="agent")


def test_the_customer_is_called_once_when_alice_is_there(twilio: Twilio, bridge: Bridge, asked_for: Call) -> None:
    send(twilio, ready(asked_for), bridge)
    bridge.turn()
    later()
    bridge.turn()
    assert bridge.account.asked == [("dial", asked_for.uid, CALLER, "")]  # the account's own number is shown


def test_who_got_no_answer_dials_nobody_again_and_lets_alice_go(
    twilio: Twilio, bridge: Bridge, asked_for: Call
) -> None:
    bridge.account.refuse = Uncertain("Twilio did not answer in time")
    send(twilio, ready(asked_for), bridge)
    bridge.account.refuse = None
    later()
    bridge.turn()
    assert [what[0] for what in bridge.account.asked].count("dial") == 1
    assert bridge.account.asked[-1] == ("end", sid("alice"))


def test_a_bridge_that_died_while_it_dialled_is_followed_by_one_that_does_not(
    twilio: Twilio, bridge: Bridge, asked_for: Call
) -> None:
    send(twilio, ready(asked_for))
    with transaction():
        db.session.add(SwitchStep(switch="gr", root=asked_for.uid, key="dial", claimed_until=now() - CLAIM))
    bridge.turn()
    later()
    bridge.turn()
    assert "dial" not in [what[0] for what in bridge.account.asked]


def test_a_refusal_is_final_and_alice_is_let_go(twilio: Twilio, bridge: Bridge, asked_for: Call) -> None:
    bridge.account.refuse = SwitchRefused("no such number")
    send(twilio, ready(asked_for), bridge)
    assert bridge.account.asked[0][0] == "dial"
    assert ("end", sid("alice")) in bridge.account.asked


def test_nobody_asked_for_a_call_that_a_stranger_begins(
    twilio: Twilio, bridge: Bridge, account: TwilioSettings
) -> None:
    stray = Story("0198a0c4-7d3a-7000-8000-00000000dead").rings(0, "alice", "agent")
    stray.leg(2, "alice", "in-progress", "agent").room(2, "alice", "participant-join", role="agent")
    send(twilio, stray, bridge)
    assert "dial" not in [what[0] for what in bridge.account.asked]


def test_what_the_database_does_not_take_waits_and_is_told_then(twilio: Twilio, bridge: Bridge) -> None:
    send(twilio, answered())
    bridge.problem = sa.exc.OperationalError("away", None, Exception())
    stop = threading.Event()
    journal = Journal(bridge._directory)
    patient = TwilioBridge(RequestInbox(bridge.app, bridge.settings), bridge.account, bridge._deliver, journal, stop)
    thread = threading.Thread(target=patient.turn)
    thread.start()
    while "events wait" not in patient.status.problem:
        stop.wait(0.01)
    bridge.problem = None
    thread.join()
    journal.close()
    assert the_call().result is Result.ANSWERED and patient.status.problem == ""


def test_old_requests_are_forgotten_but_not_those_of_a_call_that_lasts(
    twilio: Twilio, bridge: Bridge, app: Flask, account: TwilioSettings
) -> None:
    send(twilio, Story().calls(0).waits(0.5), bridge)
    inbox = RequestInbox(app, account)
    inbox.forget(now() + timedelta(days=1))
    assert len(rows()) == 2
    send(twilio, Story().leaves_queue(10, "hangup"), bridge)
    inbox.forget(now() + timedelta(days=1))
    assert rows() == []


def test_the_bridge_of_an_account_is_one_of_the_bridges(
    twilio: Twilio, app: Flask, account: TwilioSettings, tmp_path: Path
) -> None:
    before = app.extensions["ringback.settings"]
    app.extensions["ringback.settings"] = replace(before, data_dir=tmp_path, twilio=(account,))
    keeper = BridgeKeeper(app, account)
    try:
        keeper.start()
        while not keeper.health().get("connected"):
            threading.Event().wait(0.02)
        twilio.asks(VOICE)
        bell_of(app, "gr").set()
        while keeper.health().get("delivered", 0) < 1:
            threading.Event().wait(0.02)
    finally:
        keeper.stop()
        app.extensions["ringback.settings"] = before
        app.extensions["ringback.bridges"].pop("gr")
    assert the_call().state is CallState.RINGING
    assert switches.names()[-1] == "gr"
