"""FakeAsterisk: recordings that become new calls, and the things that a real switch would say about them."""

from __future__ import annotations

import threading

import pytest

from telephony.ami.client import AmiClient
from telephony.ami.frames import Frame, read_frames
from telephony.fake.asterisk import FakeAsterisk
from telephony.fake.recast import Recast, recorded
from telephony.replay import derive
from tests.telephony.wires import USERS, eventually, logged_in


@pytest.fixture
def pbx():
    with FakeAsterisk(USERS) as pbx:
        yield pbx


@pytest.fixture(scope="session")
def recording(request):
    return lambda name: request.config.rootpath / f"tests/fixtures/journals/{name}.ami.gz"


def heard(pbx, path, count=1, **options):
    """The frames that a client hears of it."""
    got = []
    with logged_in(pbx, on_frames=got.extend) as alice:
        for _ in range(count):
            pbx.play(path, speed=0, **options)
        pbx.send_raw(b"Event: TheEnd\r\n\r\n")
        eventually(lambda: got and got[-1] == b"Event: TheEnd")
        assert alice.malformed == 0
    return [frame for raw in got[:-1] if (frame := Frame(raw)).name != "FullyBooted"]


def test_one_recording_played_twice_is_two_calls_of_now(pbx, recording):
    frames = heard(pbx, recording("in-queue-answered"), count=2)
    calls = [*derive(frames)]
    assert len({call.uid for call in calls}) == 2
    channels = [frame["Channel"] for frame in frames if frame.name == "Newchannel"]
    assert len(set(channels)) == len(channels) == 4
    bridges = {frame["BridgeUniqueid"] for frame in frames if frame.name == "BridgeEnter"}
    assert len(bridges) == 2
    with recording("in-queue-answered").open("rb") as file:
        original = next(derive(read_frames(file)))
    for call in calls:
        assert (call.result, call.queue, call.did, call.talk) == (original.result, "sales", original.did, original.talk)
        assert call.started_at > original.started_at


def test_people_lines_and_queues_can_be_others(pbx, recording):
    recast = Recast(
        caller="+306900000001",
        caller_name="Ιωάννα Παπαδοπούλου",
        did="2101234567",
        queue="help",
        lines={"PJSIP/1001": "PJSIP/alice"},
    )
    frames = heard(pbx, recording("in-queue-answered"), recast=recast)
    (call,) = derive(frames)
    assert call.customer.number == "+306900000001"
    assert call.customer.name == "Ιωάννα Παπαδοπούλου"
    assert (call.did, call.queue, call.answered_by) == ("2101234567", "help", ("PJSIP/alice",))
    assert not any("PJSIP/1001" in value for frame in frames for value in frame.values())


def test_a_click_to_call_takes_the_id_that_was_asked_for(pbx, recording):
    recast = Recast(uid="our-own-id", caller="2105550000", lines={"PJSIP/1001": "PJSIP/bob"})
    (call,) = derive(heard(pbx, recording("c2c-answered"), recast=recast))
    assert (call.uid, call.customer.number, call.agent) == ("our-own-id", "2105550000", "PJSIP/bob")


def test_played_as_recorded_not_a_byte_is_different(pbx, recording):
    with recording("in-direct-busy").open("rb") as file:
        original = [frame.raw for frame in read_frames(file) if frame.name not in ("", "FullyBooted", "SuccessfulAuth")]
    assert [frame.raw for frame in heard(pbx, recording("in-direct-busy"), rebase=False)] == original


def test_who_a_recording_is_about(recording):
    def about(name):
        with recording(name).open("rb") as file:
            return recorded([*read_frames(file)])

    assert about("in-queue-answered").queue == "sales"
    assert about("in-queue-answered").did == "2100000100"
    assert about("c2c-answered").number == "6944000001"


def test_what_is_being_played_is_alive_until_it_is_over(pbx, recording):
    with logged_in(pbx) as alice:
        playing = threading.Thread(target=pbx.play, args=(recording("in-queue-abandoned"),))
        playing.start()
        eventually(lambda: alice.send_action({"Action": "QueueStatus"}).events)
        channels = alice.send_action({"Action": "CoreShowChannels"}).events
        waiting = [frame for frame in alice.send_action({"Action": "QueueStatus"}).events if frame.name == "QueueEntry"]
        assert channels[0]["Uniqueid"] == channels[0]["Linkedid"] == waiting[0]["Uniqueid"]
        assert channels[0]["Duration"].startswith("00:00:")
        assert alice.hangup(channels[0]["Channel"]).ok
        playing.join(5)
        assert not playing.is_alive()
        assert alice.send_action({"Action": "CoreShowChannels"}).events == ()


def test_a_phone_that_is_told_to_answer_does_not_ring_on(pbx, recording):
    seen = []
    with logged_in(pbx) as alice:
        alice.register_event("DialBegin", lambda event, client: seen.append(event["DestChannel"]))
        alice.register_event("AgentConnect", lambda event, client: seen.append("connected"))
        playing = threading.Thread(target=pbx.play, args=(recording("in-queue-answered"),), kwargs={"speed": 0.01})
        playing.start()
        for play in eventually(lambda: [*pbx._plays]):
            play.answered.set()  # up to the phone
        eventually(lambda: seen)
        assert alice.send_action({"Action": "PJSIPNotify", "Channel": seen[0], "Variable": "Event=talk"}).ok
        eventually(lambda: "connected" in seen)
        for play in [*pbx._plays]:
            play.over.set()
        playing.join(5)


def test_a_client_gets_only_the_classes_that_it_asked_for(pbx, recording):
    got = []
    with logged_in(pbx, "agent", on_frames=got.extend):
        pbx.play(recording("in-queue-answered"), speed=0)
        eventually(lambda: any(Frame(raw).name == "AgentComplete" for raw in got))
    assert {Frame(raw)["Privilege"] for raw in got} == {"agent,all"}


def test_nothing_happens_before_log_in_and_unknown_actions_are_told(pbx):
    stranger = AmiClient()
    stranger.connect(pbx.host, pbx.port)
    assert stranger.send_action({"Action": "CoreShowChannels"}).text == "Permission denied"
    stranger.close()
    with logged_in(pbx) as alice:
        assert "unknown command" in alice.send_action({"Action": "Dance"}).text
