"""Mallory forges events of other people's calls. Whatever he writes, and whenever: theirs come out as they were."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from telephony.ami.frames import END, Frame, FrameSplitter, journalled, looks_torn, parse
from telephony.ami.listening import WANTED
from telephony.ami.tracker import CallTracker
from telephony.events import CallEnded, CallEvent, CallStarted, CallSummary, LinesForged, Result, Resynced
from tests.telephony.forgers import HIS_CHANNEL, HIS_UID, amid, his_call, numbers_against, written
from tests.telephony.recordings import SCENARIOS, filtered, frames

NAMES = numbers_against("1.1", "PJSIP/1001-00000001", "1.2", 1.0)


def passed_on(data: bytes) -> list[Frame]:
    """What the client and the journal leave of it."""
    kept_frames = []
    for raw in FrameSplitter().feed(data):
        name = Frame(raw).name.encode()
        wanted = {event.encode(): pattern for event, pattern in WANTED.items()}
        pattern = wanted.get(name)
        kept = name in wanted and (pattern is None or pattern.search(raw))
        if kept or looks_torn(raw) or not raw.startswith((b"Event: ", b"Response: ")):
            kept_frames.append(parse(journalled(raw, 1_795_426_500.0).removesuffix(END)))
    return kept_frames


def follow(said: Iterable[Frame]) -> tuple[list[CallEvent], CallTracker]:
    tracker, events = CallTracker(), list[CallEvent]()
    for frame in said:
        events += tracker.feed(frame)
    return events, tracker


def victims(scenario: str) -> tuple[str, str, str, float]:
    """The call's id, a phone of ours in it, and when it was dialled."""
    recording = filtered(scenario)
    dialled = [frame for frame in recording if frame.name == "DialBegin" and "trunk" not in frame["DestChannel"]][-1]
    return dialled["DestLinkedid"], dialled["DestChannel"], dialled["DestUniqueid"], float(dialled["Timestamp"])


def summaries(events: Iterable[CallEvent]) -> dict[str, CallSummary]:
    return {event.uid: event.summary for event in events if isinstance(event, CallEnded)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scenario", ["in-queue-answered", "in-queue-abandoned", "c2c-answered", "blind-transfer"])
def test_whatever_he_calls_himself_the_calls_of_others_are_told_as_they_were(scenario: str, name: str) -> None:
    uid, phone, phone_uid, at = victims(scenario)
    number = numbers_against(uid, phone, phone_uid, at)[name]
    story = [frame.raw + END for frame in filtered(scenario)]
    told, _ = follow(passed_on(b"".join(story)))
    assert uid in summaries(told)
    for place in range(1, len(story)):
        events, tracker = follow(passed_on(b"".join(amid(story, place, his_call(number, at)))))
        assert [event for event in events if event.uid != HIS_UID] == told, f"from frame {place} on"
        assert tracker.open_uids() == set()
        assert tracker.forgeries.frames > 0
        assert tracker.forgeries.source in (HIS_UID, HIS_CHANNEL)


@pytest.mark.parametrize("name", NAMES)
def test_with_his_dialled_number_he_does_no_more(name: str) -> None:
    uid, phone, phone_uid, at = victims("in-queue-answered")
    words = numbers_against(uid, phone, phone_uid, at)[name]
    story = [frame.raw + END for frame in filtered("in-queue-answered")]
    told, _ = follow(passed_on(b"".join(story)))
    for number in ("69", words):
        events, _ = follow(passed_on(b"".join(amid(story, 12, his_call(number, at, exten=words)))))
        assert [event for event in events if event.uid != HIS_UID] == told


def test_what_is_told_of_his_own_call_is_marked_from_the_first_word_on_and_an_alarm_is_told_once() -> None:
    events, tracker = follow(passed_on(b"".join(his_call("69\r\nEvent: Hangup\r\nX: y", 1_795_426_600.0))))
    assert {event.uid for event in events} == {HIS_UID}
    assert all(event.tainted for event in events)
    assert [type(event) for event in events].count(LinesForged) == 1
    (call,) = summaries(events).values()
    assert (call.result, call.tainted) == (Result.ABANDONED, True)
    assert (tracker.forgeries.frames, tracker.forgeries.source) == (8, HIS_UID)
    assert tracker.forgeries.last_at is not None


def test_though_he_gives_himself_anothers_ids_his_own_call_is_followed_to_its_end() -> None:
    events, tracker = follow(passed_on(b"".join(his_call("69\r\nUniqueid: 1.1\r\nLinkedid: 1.1", 1_795_426_600.0))))
    assert {event.uid for event in events} == {HIS_UID}
    assert summaries(events)[HIS_UID].result is Result.ABANDONED
    assert tracker.open_uids() == set()


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "in-newline-in-caller-number"])
def test_calls_of_honest_people_are_not_marked(scenario: str) -> None:
    events, tracker = follow(frames(scenario))
    assert not any(event.tainted for event in events)
    assert tracker.forgeries.frames == 0


def test_a_number_that_he_forged_is_kept_as_he_wrote_it() -> None:
    number = "69\r\nEvent: Hangup\r\nX: y"
    events, _ = follow(passed_on(b"".join(his_call(number, 1_795_426_600.0))))
    started = next(event for event in events if isinstance(event, CallStarted))
    assert (started.customer.number, started.customer.name) == (number, "Mallory")


def test_a_torn_event_of_a_kind_that_nobody_wants_is_passed_on_so_that_what_follows_it_is_known_for_what_it_is() -> (
    None
):
    torn = written("DeviceStateChange", "69\r\n\r\nEvent: Hangup\r\nX: y", at=1_795_426_600.0)
    names = [frame.raw[:24] for frame in passed_on(torn)]
    assert names == [b"Event: DeviceStateChange", b"Event: Hangup\r\nX: y\r\nCal"]


# what the switch lists is written with his words too


def listed(uid: str, channel: str, number: str, bridge: str = "", *, linkedid: str = "") -> bytes:
    return (
        written(
            "CoreShowChannel", number, at=0.0, after=f"Application: \r\nDuration: 00:00:05\r\nBridgeId: {bridge}\r\n"
        )
        .replace(f"Linkedid: {HIS_UID}".encode(), f"Linkedid: {linkedid or uid}".encode())
        .replace(HIS_UID.encode(), uid.encode())
        .replace(HIS_CHANNEL.encode(), channel.encode())
    )


def entries_of(*raw: bytes) -> list[Frame]:
    return [Frame(one) for one in FrameSplitter().feed(b"".join(raw)) if one.startswith(b"Event: ")]


@pytest.mark.parametrize("number", [NAMES["more lines"], NAMES["ids before the end"], NAMES["another channel"]])
def test_his_entry_in_the_list_of_channels_moves_nobody(number: str) -> None:
    recording = filtered("in-queue-answered")
    uid, phone, phone_uid, at = victims("in-queue-answered")
    number = numbers_against(uid, phone, phone_uid, at)[{v: k for k, v in NAMES.items()}[number]]
    entered = max(i for i, frame in enumerate(recording) if frame.name == "BridgeEnter")
    told, _ = follow(recording)
    tracker, events = CallTracker(), list[CallEvent | Resynced]()
    for place, frame in enumerate(recording):
        events += tracker.feed(frame)
        if place == entered:
            bridge = frame["BridgeUniqueid"]
            his = [tracker.feed(one) for one in passed_on(b"".join(his_call(number, at)[:1]))]
            entries = entries_of(
                listed(uid, frame["Channel"], "69", bridge),
                listed(phone_uid, phone, "1001", bridge, linkedid=uid),
                listed(HIS_UID, HIS_CHANNEL, number, "b9"),
            )
            for _ in range(2):
                events += tracker.resync(entries, [], frame.at or tracker._now, False, unbroken=True)
            assert his is not None
    assert [event for event in events if not isinstance(event, Resynced) and event.uid == uid] == told


def test_an_event_with_every_line_in_its_place_is_believed_until_the_switch_says_otherwise() -> None:
    """What no form can tell: a driver that carries some hundred bytes of number, and a guessed id."""
    recording = filtered("in-queue-answered")
    uid, phone, phone_uid, at = victims("in-queue-answered")
    entered = max(i for i, frame in enumerate(recording) if frame.name == "BridgeEnter")
    bridge = recording[entered]["BridgeUniqueid"]
    hangup = written("Hangup", "69", at=at + 1, after="Cause: 16\r\nCause-txt: Normal Clearing\r\n")
    hangup = hangup.replace(HIS_UID.encode(), uid.encode()).replace(
        HIS_CHANNEL.encode(), recording[entered]["Channel"].encode()
    )
    number = f"69\r\n\r\n{hangup.decode()}x"
    events, tracker = follow([*recording[: entered + 1], *passed_on(written("Newchannel", number, at=at + 1))])
    assert summaries(events)[uid].result is Result.ANSWERED
    assert tracker.open_uids() == set()
    entries = entries_of(
        listed(uid, recording[entered]["Channel"], "69", bridge), listed(phone_uid, phone, "1001", bridge, linkedid=uid)
    )
    now = recording[entered].at
    assert now is not None
    assert tracker.resync(entries, [], now, False, unbroken=True)[-1].open_uids == set()  # type: ignore[union-attr]
    *_, last = tracker.resync(entries, [], now, False, unbroken=True)
    assert isinstance(last, Resynced)
    assert last.open_uids == last.talking_uids == {uid}
    for frame in recording[entered + 1 :]:
        events += tracker.feed(frame)
    call = summaries(events)[uid]
    assert (call.result, call.hangup_by) == (Result.ANSWERED, "customer")


def test_a_list_without_words_of_his_confirms_who_talks() -> None:
    recording = filtered("in-queue-answered")
    uid, phone, phone_uid, _ = victims("in-queue-answered")
    entered = max(i for i, frame in enumerate(recording) if frame.name == "BridgeEnter")
    _, tracker = follow(recording[: entered + 1])
    customer, bridge, at = recording[entered]["Channel"], recording[entered]["BridgeUniqueid"], recording[entered].at
    assert at is not None
    apart = entries_of(listed(uid, customer, "69"), listed(phone_uid, phone, "1001", linkedid=uid))
    together = entries_of(listed(uid, customer, "69", bridge), listed(phone_uid, phone, "1001", bridge, linkedid=uid))
    for entries, talking in ((apart, set()), (together, {uid})):
        *_, last = tracker.resync(entries, [], at, False, unbroken=True)
        assert isinstance(last, Resynced)
        assert last.talking_uids == talking
        assert last.open_uids == {uid}
