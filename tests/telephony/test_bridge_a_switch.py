"""The bridge between a switch and whoever records calls: either may fail at any moment, nothing is lost."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from telephony import delivery, link, retry
from telephony.ami.listening import connector
from telephony.ami.tracker import CallTracker
from telephony.bridge import Bridge
from telephony.delivery import Poison
from telephony.events import CallEnded, CallEvent, LinesForged, MemberPaused, MembersListed, Resynced
from telephony.fake.asterisk import FakeAsterisk, FakeUser
from telephony.journal import Journal, JournalReader
from tests.telephony.forgers import HIS_CHANNEL, his_call
from tests.telephony.wires import eventually

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Told(CallEvent):
    what: str = ""


class PlainTracker:
    """Tells each Hold; a call is open from its Newchannel to its Hangup."""

    def __init__(self):
        self.open = {}

    def feed(self, frame):
        linkedid = frame.get("Linkedid", "")
        if frame.name == "Newchannel":
            self.open[linkedid] = 0
        elif frame.name == "Hangup":
            self.open.pop(linkedid, None)
        elif frame.name == "Hold":
            self.open[linkedid] = self.open.get(linkedid, 0) + 1
            return [Told(uid=linkedid, at=BEGAN, what=f"{frame['Channel']} {self.open[linkedid]}")]
        elif frame.name == "UserEvent":
            raise RuntimeError("the tracker stumbles")
        return []

    def resync(self, channels, queues, at, restarted, unbroken):
        if restarted:
            self.open.clear()
        for channel in channels:
            self.open.setdefault(channel["Linkedid"], 0)
        return [Resynced(at=at, open_uids=frozenset(self.open), restarted=restarted)]

    def open_uids(self):
        return frozenset(self.open)


class Recorder:
    """Receives; `trouble` is raised instead, for as long as it is set."""

    def __init__(self):
        self.events, self.refused, self.trouble = [], 0, {}

    def __call__(self, event):
        what = getattr(event, "what", "")
        if error := self.trouble.get(what) or self.trouble.get("*"):
            self.refused += 1
            raise error
        self.events.append(event)

    @property
    def told(self):
        return [event.what for event in self.events if isinstance(event, Told)]

    @property
    def resyncs(self):
        return [event for event in self.events if isinstance(event, Resynced)]


def frame(name, channel="a", linkedid="1.1", **more):
    headers = {"Event": name, "Privilege": "call,all", "Channel": channel, "Uniqueid": linkedid, "Linkedid": linkedid}
    return "\r\n".join(f"{key}: {value}" for key, value in (headers | more).items()).encode()


@pytest.fixture
def pbx():
    with FakeAsterisk({"bridge": FakeUser("secret")}) as pbx:
        yield pbx


@pytest.fixture
def running(pbx, tmp_path, monkeypatch):
    """Start a bridge, as a process would; leaving the block stops it as a process that is told to."""
    monkeypatch.setattr(retry, "TICK", 0.02)
    monkeypatch.setattr(delivery, "CHECKPOINT", 0.0)
    monkeypatch.setattr(retry, "pauses", lambda first, longest: itertools.repeat(0.01))

    @contextlib.contextmanager
    def start(deliver, tracker=None, wait=True, **options):
        journal, stop = Journal(tmp_path / "pbx"), threading.Event()
        connect = connector(pbx.host, pbx.port, "bridge", "secret", timeout=1, ping_interval=0.2)
        bridge = Bridge(connect, tracker or PlainTracker(), deliver, journal, stop, **options)
        thread = threading.Thread(target=bridge.run)
        thread.start()
        try:
            if wait:
                eventually(lambda: bridge.status.connected)
            yield bridge
        finally:
            stop.set()
            thread.join(10)
            journal.close()
            assert not thread.is_alive()

    return start


def marks(directory):
    journal = Journal(directory)
    reader = JournalReader(journal, journal.start())
    found = []
    while entries := reader.read(0):
        found += [str(entry.frame.mark) or entry.frame.name for entry in entries]
    reader.close()
    journal.close()
    return [mark for mark in found if mark != "FullyBooted"]


def test_events_arrive_in_the_order_in_which_the_switch_sent_them(pbx, running):
    deliver = Recorder()
    with running(deliver) as bridge:
        pbx.send(*(frame("Hold", channel=str(number)) for number in range(500)))
        eventually(lambda: len(deliver.told) == 500)
        eventually(lambda: bridge.status.behind == 0)
        status = bridge.status
    assert deliver.told == [f"{number} {number + 1}" for number in range(500)]
    assert isinstance(deliver.events[0], Resynced)
    assert (status.delivered, status.connections, status.set_aside, status.problem) == (501, 1, 0, "")
    assert status.last_frame_at is not None
    assert status.frames >= 500


def test_while_the_database_is_down_calls_are_late_not_lost_and_the_switch_is_still_read(pbx, running):
    deliver = Recorder()
    with running(deliver) as bridge:
        eventually(lambda: deliver.resyncs)
        deliver.trouble["*"] = OSError("database is down")
        pbx.send(*(frame("Hold", channel=str(number)) for number in range(200)))
        eventually(lambda: deliver.refused > 3 * delivery.TRIES)
        pbx.send(frame("Hold", channel="last"))
        eventually(lambda: bridge.status.frames >= 201)
        assert bridge.status.connected
        assert bridge.status.behind > 0
        assert "database is down" in bridge.status.problem
        assert deliver.told == []
        deliver.trouble.clear()
        eventually(lambda: len(deliver.told) == 201)
        eventually(lambda: not bridge.status.problem)
    assert [told.split()[0] for told in deliver.told] == [*map(str, range(200)), "last"]


def test_an_event_that_nobody_can_use_is_set_aside_after_some_tries_and_the_others_go_on(pbx, running, tmp_path):
    deliver = Recorder()
    deliver.trouble["bad 1"] = Poison("no such thing")
    deliver.trouble["worse 2"] = TypeError("cannot be")
    with running(deliver) as bridge:
        pbx.send(frame("Hold", channel="bad"), frame("Hold", channel="worse"), frame("Hold", channel="good"))
        eventually(lambda: deliver.told == ["good 3"])
        assert bridge.status.set_aside == 2
        assert deliver.refused == 2 * delivery.TRIES
    aside = [json.loads(line) for line in (tmp_path / "pbx" / "poison.jsonl").read_text().splitlines()]
    assert [line["reason"] for line in aside] == ["Poison: no such thing", "TypeError: cannot be"]
    assert aside[0]["event"] == "Told"
    assert aside[0]["content"]["what"] == "bad 1"


def test_what_was_set_aside_is_kept_no_longer_than_the_journal(pbx, running, tmp_path):
    """It holds names and numbers as well; also of what a crash has torn nothing stays."""
    now, aside = datetime.now(UTC), tmp_path / "pbx" / "poison.jsonl"
    aside.parent.mkdir()
    ages = {"Dana": timedelta(days=4), "Sofia": timedelta(days=2)}
    lines = [json.dumps({"at": str(now - age), "reason": name}) for name, age in ages.items()]
    aside.write_bytes("\n".join([lines[0], '{"at": "Bob', "\xe9", '{"at": 5}', "5", lines[1], ""]).encode("latin-1"))
    with running(Recorder(), keep=timedelta(days=3)):
        eventually(lambda: len(aside.read_bytes().splitlines()) == 1)
    assert json.loads(aside.read_text())["reason"] == "Sofia"
    assert aside.stat().st_mode & 0o077 == 0
    with running(Recorder(), keep=timedelta(days=1)):
        eventually(lambda: not aside.exists())


def test_notes_that_cannot_be_pruned_stop_nothing(pbx, running, monkeypatch):
    def full(journal, name, wanted):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "keep_notes", full)
    deliver = Recorder()
    with running(deliver) as bridge:
        pbx.send(frame("Hold"))
        eventually(lambda: deliver.told == ["a 1"])
        assert not bridge.status.problem


def test_a_frame_over_which_the_tracker_stumbles_stops_nothing(pbx, running, tmp_path):
    deliver = Recorder()
    with running(deliver):
        pbx.send(frame("UserEvent"), frame("Hold"))
        eventually(lambda: deliver.told == ["a 1"])
    assert "the tracker stumbles" in (tmp_path / "pbx" / "poison.jsonl").read_text()


def test_a_lost_connection_comes_back_with_a_snapshot_and_the_gap_is_on_record(pbx, running, tmp_path):
    deliver = Recorder()
    with running(deliver) as bridge:
        pbx.send(frame("Newchannel"), frame("Hold"))
        eventually(lambda: deliver.told)
        pbx.drop()
        eventually(lambda: len(deliver.resyncs) == 2)
        eventually(lambda: bridge.status.connected)
        pbx.send(frame("Hold"))
        eventually(lambda: len(deliver.told) == 2)
        assert bridge.status.connections == 2
    assert deliver.resyncs[1].open_uids == {"1.1"}
    assert not deliver.resyncs[1].restarted
    assert marks(tmp_path / "pbx") == [
        *("snapshot", "resync", "Newchannel", "Hold", "gap"),
        *("snapshot", "channel", "resync", "Hold", "gap"),
    ]


def test_a_switch_that_was_restarted_says_so_also_when_the_bridge_was_away(pbx, running):
    deliver = Recorder()
    with running(deliver):
        eventually(lambda: len(deliver.resyncs) == 1)
        pbx.restart()
        eventually(lambda: len(deliver.resyncs) == 2)
    pbx.restart()
    with running(deliver):
        eventually(lambda: len(deliver.resyncs) == 3)
        pbx.drop()
        eventually(lambda: len(deliver.resyncs) == 4)
    assert [resync.restarted for resync in deliver.resyncs] == [False, True, True, False]


def test_the_snapshot_carries_the_clock_of_the_switch(pbx, running):
    deliver = Recorder()
    before = datetime.now(UTC)
    with running(deliver):
        eventually(lambda: deliver.resyncs)
    assert before <= deliver.resyncs[0].at <= datetime.now(UTC)


def test_a_switch_that_is_off_refuses_or_falls_silent_is_tried_again(pbx, running):
    deliver = Recorder()
    pbx.down()
    with running(deliver, wait=False) as bridge:
        eventually(lambda: "cannot connect" in bridge.status.problem)
        pbx.refuse_logins = "Authentication failed"
        pbx.up()
        eventually(lambda: "Authentication failed" in bridge.status.problem)
        pbx.refuse_logins = ""
        pbx.refuse["CoreShowChannels"] = "Permission denied"
        eventually(lambda: "refuses CoreShowChannels" in bridge.status.problem)
        assert not bridge.status.connected
        pbx.refuse.clear()
        eventually(lambda: bridge.status.connected and not bridge.status.problem)
        pbx.silent = True
        eventually(lambda: not bridge.status.connected)
        assert "ping" in bridge.status.problem
        pbx.silent = False
        eventually(lambda: bridge.status.connected)
        pbx.send(frame("Hold"))
        eventually(lambda: deliver.told)


def test_half_a_frame_and_garbage_do_not_disturb(pbx, running):
    deliver = Recorder()
    with running(deliver) as bridge:
        pbx.send_raw(b"\x00\xff garbage\r\n\r\n" + frame("Hold", channel="b") + b"\r\n\r\n")
        eventually(lambda: deliver.told == ["b 1"])
        pbx.cut(frame("Hold", channel="cut"))
        eventually(lambda: bridge.status.connections == 2)
        pbx.send(frame("Hold", channel="c"))
        eventually(lambda: deliver.told == ["b 1", "c 2"])


def test_a_bridge_that_is_restarted_knows_the_calls_that_are_still_open(pbx, running, tmp_path):
    deliver = Recorder()
    with running(deliver):
        pbx.send(frame("Newchannel", linkedid="0.9"), frame("Hold", linkedid="0.9"), frame("Hangup", linkedid="0.9"))
        pbx.send(frame("Newchannel"), frame("Hold"), frame("Hold"))
        eventually(lambda: len(deliver.told) == 3)
    again = Recorder()
    with running(again):
        pbx.send(frame("Hold"))
        eventually(lambda: again.told)
    assert again.told == ["a 3"]  # it remembers two, and told them already
    cursor = json.loads((tmp_path / "pbx" / "cursor").read_text())
    assert cursor["origin"] < cursor["delivered"]


def test_what_was_not_delivered_before_a_restart_is_delivered_after_it(pbx, running):
    deliver = Recorder()
    with running(deliver):
        eventually(lambda: deliver.resyncs)
        deliver.trouble["*"] = OSError("database is down")
        pbx.send(frame("Newchannel"), frame("Hold"), frame("Hold"))
        eventually(lambda: deliver.refused)
    again = Recorder()
    with running(again):
        eventually(lambda: again.told == ["a 1", "a 2"])


def test_a_crash_loses_nothing_even_before_the_first_note_of_the_place(pbx, running, tmp_path):
    deliver = Recorder()
    with running(deliver):
        pbx.send(frame("Newchannel"), frame("Hold"))
        eventually(lambda: deliver.told)
    (tmp_path / "pbx" / "cursor").unlink()
    again = Recorder()
    with running(again):
        eventually(lambda: again.told == ["a 1"])


def test_a_disk_that_is_full_is_no_silent_loss(pbx, running, monkeypatch):
    deliver = Recorder()
    with running(deliver) as bridge:
        eventually(lambda: deliver.resyncs)
        write = Journal._write

        def full(journal, data):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Journal, "_write", full)
        pbx.send(frame("Newchannel"), frame("Hold"))
        eventually(lambda: "No space left" in bridge.status.problem)
        eventually(lambda: not bridge.status.connected)
        monkeypatch.setattr(Journal, "_write", write)
        eventually(lambda: bridge.status.connected)
        eventually(lambda: deliver.resyncs[-1].open_uids == {"1.1"})


def test_events_during_a_snapshot_come_after_it(pbx, running, tmp_path):
    deliver = Recorder()
    listed = pbx.board.channel_list

    def slow_list():
        pbx.send(frame("Newchannel", linkedid="2.2"), frame("Hold", linkedid="2.2"))
        return listed()

    pbx.board.channel_list = slow_list
    with running(deliver):
        eventually(lambda: deliver.told)
    assert marks(tmp_path / "pbx")[:5] == ["snapshot", "channel", "resync", "Newchannel", "Hold"]
    assert isinstance(deliver.events[0], Resynced)


def test_what_is_alive_is_compared_now_and_then(pbx, running):
    deliver = Recorder()
    with running(deliver, resync_every=0.05):
        eventually(lambda: len(deliver.resyncs) >= 3)


def test_who_hangs_up_while_the_list_is_made_is_not_lost(pbx, running):
    deliver = Recorder()
    trunk = {"channel": "PJSIP/trunk-00000001", "linkedid": "7.7"}

    def list_of_nobody():
        pbx.board.channel_list = list
        pbx.send(frame("HangupRequest", **trunk), frame("Hangup", Cause="0", **trunk))
        return []

    def ends():
        return [event.summary for event in deliver.events if isinstance(event, CallEnded)]

    with running(deliver, tracker=CallTracker(), resync_every=0.05):
        pbx.send(frame("Newchannel", ChannelStateDesc="Ring", CallerIDNum="6944000001", **trunk))
        eventually(lambda: deliver.resyncs and deliver.resyncs[-1].open_uids)
        pbx.board.channel_list = list_of_nobody
        eventually(ends)
        eventually(lambda: not deliver.resyncs[-1].open_uids)
    assert [(call.result, call.hangup_by) for call in ends()] == [("abandoned", "customer")]


def test_health_is_told_and_a_listener_that_fails_does_no_harm(pbx, running):
    told, deliver = [], Recorder()

    def listen(status):
        told.append(status)
        if len(told) == 1:
            raise RuntimeError("Bob's page")

    with running(deliver, on_status=listen):
        pbx.send(frame("Hold"))
        eventually(lambda: told and told[-1].delivered == 2)
        pbx.silent = True
        eventually(lambda: not told[-1].connected)
    assert any(status.connected for status in told)


def test_real_calls_come_out_of_a_real_recording(pbx, running, request):
    deliver = Recorder()
    recording = request.config.rootpath / "tests/fixtures/journals/in-queue-answered.ami.gz"
    with running(deliver, tracker=CallTracker()):
        pbx.play(recording, speed=0)
        pbx.play(recording, speed=0)
        eventually(lambda: sum(isinstance(event, CallEnded) for event in deliver.events) >= 2)
    ended = {event.uid: event.summary for event in deliver.events if isinstance(event, CallEnded)}
    assert len(ended) == 2
    assert {(call.result, call.queue, call.answered_by) for call in ended.values()} == {
        ("answered", "sales", ("PJSIP/1001",))
    }


def test_pauses_grow_to_a_limit_and_differ():
    pauses = [next(one) for one in [retry.pauses(1.0, 30.0)] for _ in range(12)]
    assert all(2.0**n * 0.5 <= pause <= 2.0**n for n, pause in enumerate(pauses[:5]))
    assert all(15.0 <= pause <= 30.0 for pause in pauses[5:])
    assert len(set(pauses)) == len(pauses)


def test_after_a_forgery_it_is_counted_and_the_switch_is_asked_twice_what_is_alive(running, pbx, monkeypatch):
    monkeypatch.setattr(link, "LOOK_EVERY", 0.05)
    with running(Recorder(), tracker=CallTracker()) as bridge:
        asked = len(pbx.asked("CoreShowChannels"))
        pbx.send_raw(b"".join(his_call("69\r\n\r\nEvent: Hangup\r\nUniqueid: 1.1\r\n\r\nx", 1_795_426_600.0)))
        pbx.wait_for(lambda: len(pbx.asked("CoreShowChannels")) >= asked + 2)
        status = bridge.status
        assert status.tainted >= 8
        assert status.tainted_call == HIS_CHANNEL
        assert status.tainted_at is not None


def test_what_is_read_again_after_a_restart_is_not_counted_again(running, pbx):
    first = Recorder()
    with running(first, tracker=CallTracker()) as bridge:
        pbx.send_raw(b"".join(his_call("69\r\nX: y", 1_795_426_600.0)[:-1]))
        eventually(lambda: any(isinstance(event, LinesForged) for event in first.events) and not bridge.status.behind)
        assert bridge.status.tainted == 7
    with running(Recorder(), tracker=CallTracker()) as bridge:
        pbx.send_raw(his_call("69\r\nX: y", 1_795_426_600.0)[-1])
        eventually(lambda: bridge.status.tainted)
        assert bridge.status.tainted == 1


def test_who_was_taken_out_of_a_queue_while_nobody_listened_is_told_afterwards(pbx, running):
    deliver = Recorder()
    pbx.add_member("sales", "PJSIP/alice")

    def standing():
        told = [event for event in deliver.events if isinstance(event, MemberPaused | MembersListed)]
        members = [event.members[0] if isinstance(event, MembersListed) else event.member for event in told]
        return [(type(event), member.paused, member.reason) for event, member in zip(told, members, strict=True)]

    with running(deliver, tracker=CallTracker()) as bridge:
        pbx.pause_member("PJSIP/alice", True, "lunch")
        eventually(lambda: len(standing()) == 2)
        pbx.down()
        eventually(lambda: not bridge.status.connected)
        pbx.pause_member("PJSIP/alice", False)
        pbx.up()
        eventually(lambda: len(standing()) == 3)
    assert standing() == [(MembersListed, False, ""), (MemberPaused, True, "lunch"), (MembersListed, False, "")]
