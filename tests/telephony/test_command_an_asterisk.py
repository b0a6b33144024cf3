"""Commands to an Asterisk: what exactly is sent, what never is, and what the caller is told."""

from __future__ import annotations

import threading
import time

import pytest

from telephony.ami.switch import AsteriskSwitch, Login
from telephony.commands import (
    Answer,
    Ask,
    Cancel,
    Complete,
    Drop,
    Echo,
    First,
    Hangup,
    Hold,
    Join,
    Look,
    Mute,
    Originate,
    Park,
    PhoneState,
    Resume,
    Retrieve,
    SendDigits,
    Swap,
    Transfer,
)
from telephony.errors import BadValue, SwitchRefused, SwitchUnavailable
from telephony.fake import session
from telephony.fake.asterisk import FakeAsterisk, FakeUser
from telephony.fake.switch import FakeSwitch
from telephony.switch import Switch
from tests.telephony.wires import eventually

UID = "019aa5f0-1111-7000-8000-000000000001"
RINGING = b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/alice-00000001\r\nUniqueid: 1.1\r\nLinkedid: 1.1"
USERS = {
    "crm": FakeUser(
        "secret",
        actions=(
            *("Originate", "Hangup", "Redirect", "Setvar", "Getvar", "PlayDTMF", "CoreShowChannels"),
            *("BlindTransfer", "Park", "ParkedCalls"),
        ),
    ),
    "answer": FakeUser("another", actions=("PJSIPNotify", "MuteAudio")),
}
ALICE, DANA, BOB = "PJSIP/alice-00000001", "PJSIP/trunk-00000001", "PJSIP/bob-00000002"


@pytest.fixture
def pbx():
    with FakeAsterisk(USERS) as pbx:
        yield pbx


@pytest.fixture
def switch(pbx):
    logins = {"login": Login("crm", "secret"), "answer_login": Login("answer", "another")}
    switch = AsteriskSwitch("pbx", pbx.host, pbx.port, context="ringback-out", timeout=2, **logins)
    yield switch
    switch.close()


def test_click_to_call_rings_the_agent_first_under_the_calls_own_id(pbx, switch):
    switch.originate(Originate(uid=UID, line="PJSIP/alice", number="+302101234567", ring_seconds=20))
    assert pbx.asked("Originate") == [
        {
            "Action": "Originate",
            "ActionID": UID,
            "Channel": "PJSIP/alice",
            "ChannelId": UID,
            "Context": "ringback-out",
            "Exten": "+302101234567",
            "Priority": "1",
            "CallerID": "<+302101234567>",
            "Timeout": "20000",
            "Variable": f"__CRM_CALL_ID={UID}",
            "Async": "true",
        }
    ]
    assert pbx.asked("Login")[0]["Events"] == "off"


def test_hanging_up_names_one_channel(pbx, switch):
    pbx.send(RINGING)
    switch.hangup(Hangup("PJSIP/alice-00000001"))
    asked = pbx.asked("Hangup")[0]
    assert (asked["Channel"], asked["Cause"]) == ("PJSIP/alice-00000001", "16")
    with pytest.raises(SwitchRefused, match="No such channel"):
        switch.hangup(Hangup("PJSIP/alice-00000001"))


def test_answering_is_a_notify_in_the_ringing_dialog_by_a_user_of_its_own(pbx, switch):
    assert switch.can_answer
    pbx.send(RINGING)
    switch.answer(Answer("PJSIP/alice-00000001"))
    asked = pbx.asked("PJSIPNotify")[0]
    assert (asked["Channel"], asked["Variable"]) == ("PJSIP/alice-00000001", "Event=talk")
    assert [login["Username"] for login in pbx.asked("Login")] == ["answer"]
    with pytest.raises(SwitchRefused, match="Channel not found"):
        switch.answer(Answer("PJSIP/bob-00000002"))
    with pytest.raises(BadValue):
        switch.answer(Answer("SIP/alice-00000001"))


def test_without_that_user_it_cannot_answer_and_says_so(pbx):
    switch = AsteriskSwitch("pbx", pbx.host, pbx.port, Login("crm", "secret"), context="out")
    assert not switch.can_answer
    with pytest.raises(SwitchRefused):
        switch.answer(Answer("PJSIP/alice-00000001"))
    assert pbx.actions == []
    switch.close()


def test_a_phone_in_a_browser_picks_up_by_itself_when_its_owner_calls(pbx, switch):
    switch.originate(Originate(uid=UID, line="PJSIP/erin", number="2101234567", answer_itself=True))
    variables = pbx.asked("Originate")[0]["Variable"]
    assert variables == f"__CRM_CALL_ID={UID},PJSIP_HEADER(add,Call-Info)=<sip:ringback>;answer-after=0"


def talk(pbx, *channels, bridge="b1"):
    """They are in one bridge."""
    for channel in channels:
        told = f"\r\nPrivilege: call,all\r\nChannel: {channel}\r\nUniqueid: {channel}\r\nLinkedid: 1.1"
        pbx.send(f"Event: Newchannel{told}".encode(), f"Event: BridgeEnter{told}\r\nBridgeUniqueid: {bridge}".encode())


def test_who_is_held_waits_with_music_and_alice_with_nobody(pbx, switch):
    talk(pbx, ALICE, DANA)
    switch.hold(Hold(ALICE))
    held, moved = pbx.asked("Setvar")[0], pbx.asked("Redirect")[0]
    assert (held["Channel"], held["Variable"], held["Value"]) == (ALICE, "RINGBACK_HELD", DANA)
    assert (moved["Channel"], moved["Context"], moved["Exten"]) == (DANA, "ringback-hold", "s")
    assert (moved["ExtraChannel"], moved["ExtraContext"], moved["ExtraExten"]) == (ALICE, "ringback-hold", "wait")


def test_resuming_leads_back_to_who_waits(pbx, switch):
    talk(pbx, ALICE, DANA)
    switch.resume(Resume(ALICE))
    assert [(moved["Channel"], moved["Exten"]) for moved in pbx.asked("Redirect")] == [(ALICE, "back")]


def test_digits_go_to_the_customer_one_by_one(pbx, switch):
    talk(pbx, ALICE, DANA)
    switch.send_digits(SendDigits(ALICE, "4#"))
    assert [(asked["Channel"], asked["Digit"]) for asked in pbx.asked("PlayDTMF")] == [(DANA, "4"), (DANA, "#")]


def test_muting_is_for_the_user_who_may_command_phones(pbx, switch):
    talk(pbx, ALICE, DANA)
    switch.mute(Mute(ALICE, True))
    switch.mute(Mute(ALICE, False))
    assert [(asked["Direction"], asked["State"]) for asked in pbx.asked("MuteAudio")] == [("in", "on"), ("in", "off")]
    alone = AsteriskSwitch("pbx", pbx.host, pbx.port, Login("crm", "secret"), context="out")
    with pytest.raises(SwitchRefused, match="mute"):
        alone.mute(Mute(ALICE))
    alone.close()


def moves(pbx):
    """Whom the switch was asked to move, and where to."""
    return [
        (asked[f"{which}Channel"], asked[f"{which}Exten"])
        for asked in pbx.asked("Redirect")
        for which in ("", "Extra")
        if asked.get(f"{which}Channel")
    ]


def variables(pbx):
    return {(asked["Channel"], asked["Variable"]): asked.get("Value", "") for asked in pbx.asked("Setvar")}


def test_a_transfer_says_to_whom_it_comes_back_and_to_which_queue(pbx, switch):
    talk(pbx, ALICE, DANA)
    switch.transfer(Transfer(ALICE, "*bob", "PJSIP/alice", "sales"))
    asked = pbx.asked("BlindTransfer")[0]
    assert (asked["Channel"], asked["Context"], asked["Exten"]) == (ALICE, "ringback-transfer", "*bob")
    assert variables(pbx) == {(DANA, "RINGBACK_FROM"): "*alice", (DANA, "RINGBACK_QUEUE"): "sales"}


def test_the_customer_waits_while_bob_or_a_number_is_asked(pbx, switch):
    talk(pbx, ALICE, DANA)
    switch.ask(Ask(ALICE, "*bob", "PJSIP/alice"))
    assert moves(pbx) == [(DANA, "s"), (ALICE, "ask")]
    assert variables(pbx)[ALICE, "RINGBACK_HELD"] == DANA
    assert variables(pbx)[ALICE, "RINGBACK_DIAL"] == "PJSIP/bob"
    switch.ask(Ask(ALICE, "+302101234567", "PJSIP/alice"))
    assert variables(pbx)[ALICE, "RINGBACK_DIAL"] == "Local/+302101234567@ringback-out/n"


def consult(pbx):
    """Alice is with Bob, and Dana waits."""
    talk(pbx, ALICE, BOB)
    talk(pbx, DANA, bridge="")
    pbx.functions["RINGBACK_HELD"] = DANA


def test_who_was_asked_gets_the_customer(pbx, switch):
    consult(pbx)
    switch.complete(Complete(ALICE, "1234", to="*bob"))
    assert moves(pbx) == [(BOB, "21234"), (DANA, "11234")]
    assert variables(pbx) == {(ALICE, "RINGBACK_HELD"): ""}
    assert pbx.asked("Hangup") == [], "the dial plan ends Alice's part when Bob is taken from her"


def test_who_has_not_picked_up_yet_gets_the_customer_as_by_a_transfer(pbx, switch):
    talk(pbx, ALICE, bridge="")
    talk(pbx, DANA, bridge="")
    pbx.functions["RINGBACK_HELD"] = DANA
    switch.complete(Complete(ALICE, "1234", to="*bob"))
    assert moves(pbx) == [(DANA, "*bob")]
    assert [asked["Channel"] for asked in pbx.asked("Hangup")] == [ALICE]


def test_swapping_lets_bob_wait_and_joining_puts_all_in_one_room(pbx, switch):
    consult(pbx)
    switch.swap(Swap(ALICE))
    assert moves(pbx) == [(BOB, "s"), (ALICE, "with")]
    assert variables(pbx) == {(ALICE, "RINGBACK_BACK"): DANA, (ALICE, "RINGBACK_HELD"): BOB}
    switch.join(Join(ALICE, "1234"))
    assert moves(pbx)[2:] == [(BOB, "21234"), (ALICE, "21234"), (DANA, "11234")]
    switch.drop(Drop(ALICE))
    assert [asked["Channel"] for asked in pbx.asked("Hangup")] == [DANA]


def test_nobody_is_handed_over_who_does_not_wait(pbx, switch):
    talk(pbx, ALICE, DANA)
    for command, act in ((Complete(ALICE, "1234", to="*bob"), switch.complete), (Swap(ALICE), switch.swap)):
        with pytest.raises(SwitchRefused, match="waits"):
            act(command)
    pbx.functions["RINGBACK_HELD"] = "/.*/"
    with pytest.raises(SwitchRefused, match="waits"):
        switch.drop(Drop(ALICE))
    assert moves(pbx) == [] and not pbx.asked("Hangup")


def test_parking_tells_the_space_from_which_any_phone_fetches(pbx, switch):
    talk(pbx, ALICE, DANA)
    pbx.parked[DANA] = "703"
    assert switch.park(Park(ALICE)) == "703"
    assert (pbx.asked("Park")[0]["Channel"], pbx.asked("Park")[0]["TimeoutChannel"]) == (DANA, ALICE)
    switch.retrieve(Retrieve("PJSIP/bob", "703"))
    asked = pbx.asked("Originate")[0]
    assert (asked["Channel"], asked["Context"], asked["Exten"]) == ("PJSIP/bob", "parkedcalls", "703")


def test_a_phone_is_rung_to_hear_itself(pbx, switch):
    switch.echo(Echo("PJSIP/alice"))
    switch.echo(Echo("PJSIP/erin", answer_itself=True))
    alice, erin = pbx.asked("Originate")
    assert (alice["Channel"], alice["Context"], alice["Exten"]) == ("PJSIP/alice", "ringback-check", "echo")
    assert ("Variable" in alice, erin["Variable"]) == (
        False,
        "PJSIP_HEADER(add,Call-Info)=<sip:ringback>;answer-after=0",
    )


@pytest.mark.parametrize(
    ("told", "state"),
    [("NOT_INUSE", PhoneState.FREE), ("RINGING", PhoneState.RINGING), ("BUSY", PhoneState.IN_CALL),
     ("UNAVAILABLE", PhoneState.AWAY), ("UNKNOWN", PhoneState.UNKNOWN), ("", PhoneState.UNKNOWN)],
)  # fmt: skip
def test_the_switch_tells_what_a_phone_does(pbx, switch, told, state):
    pbx.functions["DEVICE_STATE(PJSIP/alice)"] = told
    assert switch.phone_state(Look("PJSIP/alice")) is state


@pytest.mark.parametrize("line", ["", "alice", "PJSIP/alice&PJSIP/bob", "PJSIP/a)b", "PJSIP/alice\r\nX: y"])
def test_only_a_phone_is_rung_or_looked_at(line):
    for command in (Echo, Look):
        with pytest.raises(BadValue, match="line"):
            command(line)


@pytest.mark.parametrize("to", ["", "*", "bob", "*bob&x", "*bob,1", "**bob", "12", "+30 210", "${X}", "*a\r\nX: y"])
def test_only_a_phone_or_a_number_is_a_target(to):
    for make in (lambda: Transfer(ALICE, to, "PJSIP/alice"), lambda: Complete(ALICE, "1234", to=to)):
        with pytest.raises(BadValue, match="to"):
            make()


def test_nobody_is_moved_where_it_is_not_clear_who(pbx, switch):
    with pytest.raises(SwitchRefused, match="no call"):
        switch.hold(Hold(ALICE))
    talk(pbx, ALICE)
    with pytest.raises(SwitchRefused, match="Nobody"):
        switch.hold(Hold(ALICE))
    talk(pbx, DANA, BOB)
    with pytest.raises(SwitchRefused, match="Several"):
        switch.send_digits(SendDigits(ALICE, "1"))
    assert not pbx.asked("Redirect") and not pbx.asked("PlayDTMF")


@pytest.mark.parametrize("digits", ["", "x", "1" * 21, "1\r\n", "1,2", "٣"])
def test_only_keys_of_a_phone_are_digits(digits):
    with pytest.raises(BadValue, match="digits"):
        SendDigits(ALICE, digits)


BREAKS = ["\r\n", "\n", "\r", "\0", "\x7f"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("uid", f"{UID}{bad}") for bad in [*BREAKS, " ", ",", "|"]),
        *(("uid", bad) for bad in ["", "x" * 101, "ä"]),
        *(("line", f"PJSIP/alice{bad}") for bad in [*BREAKS, "&PJSIP/bob", "@trunk", "/x", "${X}", " ", ","]),
        *(("line", bad) for bad in ["", "alice", "PJSIP/", "/PJSIP/", "PJSIP/" + "a" * 41]),
        *(("number", f"2101234567{bad}") for bad in [*BREAKS, "@x", "&", ",1", "${X}", "#", " ", "٣"]),
        *(("number", bad) for bad in ["", "12", "1" * 16, "++30210", "alice", "+"]),
        ("ring_seconds", 0),
        ("ring_seconds", 301),
        ("agent_ring_seconds", 0),
        ("first", "customer"),
    ],
)
def test_no_other_value_gets_into_a_command(field, value):
    good = {"uid": UID, "line": "PJSIP/alice", "number": "2101234567"}
    with pytest.raises(BadValue) as refused:
        Originate(**(good | {field: value}))
    assert refused.value.field == field


@pytest.mark.parametrize(
    "channel",
    [
        "",
        "/PJSIP/",
        "/.*/",
        "PJSIP",
        "PJSIP/*",
        "PJSIP/a|b",
        "PJSIP/alice-00000001 ",
        *(f"PJSIP/a{bad}" for bad in BREAKS),
    ],
)
def test_a_pattern_is_no_channel(channel):
    for command in (Hangup, Answer, Hold, Resume, Mute):
        with pytest.raises(BadValue, match="channel"):
            command(channel)


@pytest.mark.parametrize("line", ["Local/alice", "Agent/1", "DAHDI/1", "XX/alice"])
def test_only_phones_are_rung(pbx, switch, line):
    with pytest.raises(BadValue, match="line"):
        switch.originate(Originate(UID, line, "2101234567"))
    assert pbx.actions == []


def test_a_context_comes_from_settings_and_is_checked_too():
    with pytest.raises(BadValue, match="context"):
        AsteriskSwitch("pbx", "127.0.0.1", 1, Login("crm", "secret"), context="out\r\nX: y")


def call(number="2101234567", uid=UID):
    return Originate(uid, "PJSIP/alice", number)


def test_a_refusal_carries_the_switchs_own_words(pbx, switch):
    pbx.refuse["Originate"] = "Extension does not exist."
    with pytest.raises(SwitchRefused) as refused:
        switch.originate(call())
    assert refused.value.reason == "Extension does not exist."


def test_a_switch_that_is_off_is_unavailable(pbx, switch):
    pbx.down()
    with pytest.raises(SwitchUnavailable, match="cannot be reached"):
        switch.originate(call())


def test_a_log_in_that_is_refused_is_told_as_such(pbx, switch):
    pbx.refuse_logins = "Authentication failed"
    with pytest.raises(SwitchRefused, match="log-in: Authentication failed"):
        switch.originate(call())


def test_a_silent_switch_takes_no_longer_than_it_may(pbx):
    switch = AsteriskSwitch("pbx", pbx.host, pbx.port, Login("crm", "secret"), context="out", timeout=0.2)
    switch.originate(call())
    pbx.silent = True
    began = time.monotonic()
    with pytest.raises(SwitchUnavailable, match="did not answer"):
        switch.originate(call())
    assert time.monotonic() - began < 5
    switch.close()


def test_a_question_in_passing_gives_up_soon_and_leaves_the_connection_to_others(pbx, monkeypatch):
    monkeypatch.setattr("telephony.ami.switch.GLANCE", 0.1)
    switch = AsteriskSwitch("pbx", pbx.host, pbx.port, Login("crm", "secret"), context="out", timeout=60.0)
    switch.originate(call())
    client = switch._commands._client
    pbx.silent = True
    with pytest.raises(SwitchUnavailable, match="did not answer"):
        switch.phone_state(Look("PJSIP/alice"))
    pbx.silent = False
    switch.originate(call())
    assert switch._commands._client is client and client.connected()
    switch.close()


def test_a_connection_that_was_lost_meanwhile_is_made_anew(pbx, switch):
    switch.originate(call())
    client = switch._commands._client
    pbx.drop()
    eventually(client.lost.is_set)
    switch.originate(call(number="2109999999"))
    assert [asked["Exten"] for asked in pbx.asked("Originate")] == ["2101234567", "2109999999"]


def test_it_is_never_asked_twice_when_the_connection_dies_in_the_middle(pbx, switch, monkeypatch):
    monkeypatch.setitem(session._ACTIONS, "Originate", lambda session, action: session.end())
    with pytest.raises(SwitchUnavailable, match="did not answer"):
        switch.originate(call())
    monkeypatch.undo()
    switch.originate(call(number="2109999999"))  # another command, on another connection
    assert [asked["Exten"] for asked in pbx.asked("Originate")] == ["2101234567", "2109999999"]


def test_one_connection_serves_all_threads(pbx, switch):
    def dial(number):
        switch.originate(call(str(number), uid=f"call-{number}"))

    agents = [threading.Thread(target=dial, args=(2101234000 + number,)) for number in range(20)]
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.join(10)
    assert len(pbx.asked("Originate")) == 20
    assert len(pbx.asked("Login")) == 1


def test_the_switch_in_memory_is_a_switch_too():
    fake: Switch = FakeSwitch()
    fake.originate(call())
    fake.refuse_with = SwitchUnavailable("The telephone system cannot be reached")
    with pytest.raises(SwitchUnavailable):
        fake.hangup(Hangup("PJSIP/alice-00000001"))
    assert fake.commands == [call()]
    with pytest.raises(SwitchRefused):
        FakeSwitch(can_answer=False).answer(Answer("PJSIP/alice-00000001"))


def test_the_customer_can_be_called_first_through_the_dial_plan(pbx, switch):
    switch.originate(
        Originate(
            UID, "PJSIP/alice", "+302101234567", 25, shown="+302100000200", first=First.CUSTOMER, agent_ring_seconds=15
        )
    )
    assert pbx.asked("Originate") == [
        {
            "Action": "Originate",
            "ActionID": UID,
            "ChannelId": UID,
            "Channel": "Local/+302101234567@ringback-out",
            "Context": "ringback-agent",
            "Exten": "ring",
            "Variable": f"__CRM_CALL_ID={UID},__CRM_SHOWN=+302100000200,RINGBACK_PHONE=PJSIP/alice,RINGBACK_SECONDS=15",
            "Priority": "1",
            "CallerID": "<+302101234567>",
            "Timeout": "25000",
            "Async": "true",
        }
    ]


def test_a_phone_that_can_picks_up_by_itself_for_the_customer_who_waits(pbx, switch):
    switch.originate(Originate(UID, "PJSIP/erin", "2101234567", first=First.CUSTOMER, answer_itself=True))
    asked = pbx.asked("Originate")[0]
    assert asked["Exten"] == "auto"
    assert "PJSIP_HEADER" not in asked["Variable"]  # that would go to the customer


def test_a_call_that_was_asked_for_is_ended_by_its_id(pbx, switch):
    told = f"Privilege: call,all\r\nChannel: Local/2101234567@out-00000001;1\r\nUniqueid: {UID}\r\nLinkedid: {UID}"
    pbx.send(f"Event: Newchannel\r\n{told}".encode())
    switch.cancel(Cancel(UID))
    assert pbx.asked("Hangup")[0]["Channel"] == UID
    with pytest.raises(SwitchRefused, match="No such channel"):
        switch.cancel(Cancel(UID))


@pytest.mark.parametrize("uid", ["", "/.*/", "a b", "x\r\nAction: Originate"])
def test_nothing_but_an_id_is_cancelled(uid):
    with pytest.raises(BadValue):
        Cancel(uid)
