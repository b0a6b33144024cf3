"""Phones in queues: what a switch tells of who was taken out, and how they are taken out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from telephony.ami.frames import Frame
from telephony.ami.switch import AsteriskSwitch, Login
from telephony.ami.tracker import CallTracker
from telephony.commands import Pause
from telephony.events import Member, MemberJoined, MemberLeft, MemberPaused, MembersListed
from telephony.fake.asterisk import FakeAsterisk
from telephony.playback import Playback
from tests.telephony.forgers import his_call
from tests.telephony.wires import USERS, eventually, logged_in

AT = datetime(2026, 11, 25, 9, tzinfo=UTC)
EVENT = {
    "Event": "QueueMemberPause", "Privilege": "agent,all", "Timestamp": f"{AT.timestamp():.6f}", "Queue": "sales",
    "MemberName": "Alice", "Interface": "PJSIP/alice", "StateInterface": "PJSIP/alice", "Membership": "static",
    "Penalty": "0", "CallsTaken": "0", "LastCall": "0", "LastPause": "1795597200", "InCall": "0", "Status": "1",
    "Paused": "1", "PausedReason": "lunch", "Ringinuse": "0", "Wrapuptime": "0",
}  # fmt: skip


def told(*frames: Frame) -> list[object]:
    playback = Playback(CallTracker())
    return [event for frame in frames for event in playback.feed(frame)]


def honest_call() -> list[Frame]:
    return [Frame(raw) for raw in his_call("6944000001", AT.timestamp())]


def marked(mark: str, **headers: str) -> Frame:
    return Frame(Frame.of(headers).raw, AT.timestamp(), mark)


def test_a_phone_that_is_taken_out_is_told_with_the_reason():
    since = datetime.fromtimestamp(1795597200, UTC)
    member = Member(queue="sales", line="PJSIP/alice", paused=True, reason="lunch", since=since)
    assert told(Frame.of(EVENT)) == [MemberPaused(at=AT, member=member)]
    back = Member(queue="sales", line="PJSIP/alice", paused=False)
    assert told(Frame.of(EVENT | {"Paused": "0"})) == [MemberPaused(at=AT, member=back)]


def test_a_queue_that_is_joined_or_left_is_told():
    member = Member(queue="sales", line="PJSIP/alice", paused=False)
    there = EVENT | {"Paused": "0", "PausedReason": ""}
    assert told(Frame.of(there | {"Event": "QueueMemberAdded"}), Frame.of(there | {"Event": "QueueMemberRemoved"})) == [
        MemberJoined(at=AT, member=member),
        MemberLeft(at=AT, member=member),
    ]


def test_the_phone_is_the_one_whose_state_the_queue_watches():
    (event,) = told(Frame.of(EVENT | {"Interface": "Local/101@internal/n"}))
    assert event.member.line == "PJSIP/alice"
    assert told(Frame.of(EVENT | {"Interface": "Local/101@internal/n", "StateInterface": "hint:1@x"})) == []


@pytest.mark.parametrize("missing", ["Queue", "Interface", "StateInterface", "Membership", "PausedReason", "Privilege"])
def test_on_a_switch_that_shows_its_form_an_event_with_less_is_nobodys(missing):
    less = Frame.of({name: value for name, value in EVENT.items() if name != missing})
    assert [event for event in told(*honest_call(), less) if isinstance(event, MemberPaused)] == []


def test_nobody_else_is_suspected_for_a_pause():
    playback = Playback(CallTracker())
    for frame in [*honest_call(), Frame.of(EVENT)]:
        before = playback.forgeries.frames
        events = playback.feed(frame)
    assert isinstance(events[-1], MemberPaused)
    assert playback.forgeries.frames == before


def test_the_list_of_the_switch_is_told_whole_and_without_what_names_no_phone():
    entry = {"Event": "QueueMember", "Queue": "sales", "Name": "Alice", "Location": "PJSIP/alice", "Paused": "0"}
    odd = {"Event": "QueueMember", "Queue": "sales", "Location": "hint:1@x", "Paused": "1"}
    out = told(
        marked("snapshot"),
        marked("queue", Event="QueueParams", Queue="sales"),
        marked("queue", **entry),
        marked("queue", **odd),
        marked("queue", **entry | {"Location": "PJSIP/bob", "Paused": "1", "LastPause": "nonsense"}),
        marked("resync", At=f"{AT.timestamp()}", Restarted="yes"),
    )
    alice = Member(queue="sales", line="PJSIP/alice", paused=False)
    bob = Member(queue="sales", line="PJSIP/bob", paused=True)
    assert out[-1] == MembersListed(at=AT, members=(alice, bob), restarted=True)


def test_a_switch_without_queues_says_nothing_of_them():
    out = told(marked("snapshot"), marked("resync", At="1"))
    assert not any(isinstance(event, MembersListed) for event in out)


@pytest.fixture
def pbx():
    with FakeAsterisk(USERS) as pbx:
        yield pbx


@pytest.fixture
def switch(pbx):
    switch = AsteriskSwitch("pbx", pbx.host, pbx.port, Login("crm", "crm's secret"), context="out", timeout=2)
    yield switch
    switch.close()


def paused(pbx):
    return {queue: (member["Paused"], member["PausedReason"]) for (queue, _), member in pbx.board.members.items()}


def test_a_break_is_of_all_queues_and_the_switch_tells_each(pbx, switch):
    pbx.add_member("sales", "PJSIP/alice")
    pbx.add_member("support", "PJSIP/alice")
    heard: list[bytes] = []
    with logged_in(pbx, on_frames=heard.extend, wanted={"QueueMemberPause": None}):
        switch.pause(Pause("PJSIP/alice", True, "lunch"))
        assert paused(pbx) == {"sales": ("1", "lunch"), "support": ("1", "lunch")}
        eventually(lambda: len(heard) == 2)
    assert {event.member.queue for event in told(*map(Frame, heard))} == {"sales", "support"}
    switch.pause(Pause("PJSIP/alice", False))
    assert paused(pbx) == {"sales": ("0", ""), "support": ("0", "")}


def test_a_phone_that_queues_ring_by_another_name_is_taken_out_by_that(pbx, switch):
    pbx.add_member("sales", "PJSIP/alice", interface="Local/101@internal/n")
    switch.pause(Pause("PJSIP/alice", True, "lunch"))
    assert paused(pbx) == {"sales": ("1", "lunch")}


def test_the_fake_tells_who_comes_and_goes(pbx):
    heard: list[bytes] = []
    with logged_in(pbx, on_frames=heard.extend, wanted={"QueueMemberAdded": None, "QueueMemberRemoved": None}):
        pbx.add_member("sales", "PJSIP/alice")
        pbx.remove_member("sales", "PJSIP/alice")
        eventually(lambda: len(heard) == 2)
    assert [type(event) for event in told(*map(Frame, heard))] == [MemberJoined, MemberLeft]
    assert paused(pbx) == {}


def test_a_phone_in_no_queue_has_nothing_to_be_taken_out_of(pbx, switch):
    pbx.add_member("sales", "PJSIP/bob")
    switch.pause(Pause("PJSIP/alice", True, "lunch"))
    assert paused(pbx) == {"sales": ("0", "")}
