"""What each AMI user may do, and may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from telephony.ami.client import AuthRefused
from telephony.events import Result
from telephony.replay import derive
from tests.asterisk import Asterisk, Listener, wait_for
from webapp.trial.install import Installation
from webapp.trial.pbx import Pbx
from webapp.trial.phones import answers
from webapp.trial.traffic import Customer, CustomerCall

pytestmark = [pytest.mark.journey, pytest.mark.patient]

ORIGINATE = {"Channel": "PJSIP/alice", "Context": "ringback-outbound", "Exten": "+306912345678", "Priority": "1"}


def refused(listener: Listener, action: str, **headers: object) -> bool:
    answer = listener.act(action, **headers)
    return not answer.ok and "Permission denied" in answer.text


def test_the_listener_may_ask_for_lists_and_nothing_else(asterisk: Asterisk) -> None:
    listener = asterisk.logged_in("ringback-events")
    assert listener.act("CoreShowChannels").ok
    assert listener.act("QueueStatus").ok
    assert refused(listener, "Originate", **ORIGINATE)
    assert refused(listener, "Hangup", Channel="PJSIP/alice-00000001")
    assert refused(listener, "Command", Command="core show channels")
    assert refused(listener, "PJSIPNotify", Channel="PJSIP/alice-00000001", Variable="Event=talk")


def test_who_commands_hears_nothing(asterisk: Asterisk) -> None:
    asterisk.phone("alice", answers())
    witness, commander = asterisk.logged_in("ringback-events"), asterisk.logged_in("ringback-commands")

    assert commander.act("Originate", **ORIGINATE, Async="true").ok
    witness.hears("BridgeEnter")
    assert commander.act("CoreShowChannels").ok

    assert not [event for event in commander.heard if event.name != "FullyBooted"]
    for action, headers in {
        "Command": {"Command": "core show channels"},
        "GetConfig": {"Filename": "manager.conf"},
        "PJSIPNotify": {"Channel": "PJSIP/alice-00000001", "Variable": "Event=talk"},
    }.items():
        assert refused(commander, action, **headers)


def test_who_answers_may_not_call(asterisk: Asterisk) -> None:
    answering = asterisk.logged_in("ringback-answer")
    assert refused(answering, "Originate", **ORIGINATE)
    assert refused(answering, "Redirect", Channel="PJSIP/alice-00000001", Context="x", Exten="1", Priority="1")
    assert refused(answering, "Command", Command="core show channels")
    assert not answering.heard or {event.name for event in answering.heard} == {"FullyBooted"}


def test_what_is_not_on_the_white_list_never_crosses_the_wire(asterisk: Asterisk) -> None:
    asterisk.phone("alice", answers())
    listener = asterisk.logged_in("ringback-events")
    call = asterisk.call("+306912345678", to="alice")
    listener.hears("BridgeEnter")
    call.hang_up()
    wait_for("the end", lambda: len(listener.events("Hangup")) == 2)
    names = {event.name for event in listener.heard}
    assert {"Newchannel", "DialBegin", "DialEnd", "BridgeEnter", "BridgeLeave", "Hangup"} <= names
    assert not names & {"Newexten", "NewConnectedLine", "DialState", "DeviceStateChange", "RTCPSent", "TestEvent"}
    assert {event["Variable"] for event in listener.events("VarSet")} <= {"CRM_PRES", "DIALSTATUS"}
    assert all(event.get("Timestamp") for event in listener.heard if event.name != "FullyBooted")


def test_a_wrong_secret_opens_nothing(asterisk: Asterisk) -> None:
    listener = asterisk.logged_in("ringback-events")
    listener.client.close()
    object.__setattr__(asterisk.pbx.secrets, "events", asterisk.pbx.secrets.events[::-1])
    try:
        with pytest.raises(AuthRefused):
            Listener(asterisk.pbx, "ringback-events")
    finally:
        object.__setattr__(asterisk.pbx.secrets, "events", asterisk.pbx.secrets.events[::-1])


def test_a_queue_that_nobody_can_join_is_named_by_its_newexten_and_no_other_step_of_the_dialplan_is_heard(
    start_asterisk: Callable[[], Pbx], asterisk_installation: tuple[Installation, tuple[str, ...]]
) -> None:
    """No phone is there: the queue lets nobody in, and tells nothing of it."""
    pbx = start_asterisk()
    queues = pbx.state_dir / "etc" / "queues.conf"
    queues.write_text(queues.read_text(encoding="utf-8").replace("joinempty = yes", "joinempty = strict"))
    pbx.cli("queue reload all")
    listener = Listener(pbx, "ringback-events")
    call = CustomerCall(
        pbx.here, asterisk_installation[1], Customer("+306912345678"), pbx.people.did("sales"), patience=20, stay=20
    )
    try:
        listener.hears("Hangup")
    finally:
        call.stop()
        listener.client.close()
    (joining,) = listener.events("Newexten")
    assert (joining["Application"], joining["AppData"].split(",")[0]) == ("Queue", "sales")
    (told,) = derive(listener.heard)
    assert (told.result, told.queue, told.customer.number) == (Result.NO_AGENTS, "sales", "+306912345678")
