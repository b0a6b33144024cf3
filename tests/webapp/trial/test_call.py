"""Real calls on a real Asterisk."""

from __future__ import annotations

import csv

import pytest

from telephony.ami.switch import AsteriskSwitch, Login
from telephony.commands import Answer, Originate
from tests.asterisk import Asterisk, wait_for
from webapp.trial.phones import answers, declines, is_busy

pytestmark = [pytest.mark.journey, pytest.mark.patient]

MARIA = "+306912345678"


def switch_of(asterisk: Asterisk) -> AsteriskSwitch:
    told = asterisk.pbx.switch()
    assert told.answer is not None
    return AsteriskSwitch(
        told.name,
        told.host,
        told.port,
        Login(told.commands.user, told.commands.secret),
        context=told.context,
        answer_login=Login(told.answer.user, told.answer.secret),
    )


def test_a_call_to_support_rings_charlie_and_dora_and_dora_answers_it_from_her_desk(asterisk: Asterisk) -> None:
    hears = asterisk.logged_in("ringback-events")
    call = asterisk.call(MARIA, "Μαρία", to="support")
    hears.hears("AgentCalled", Interface="PJSIP/charlie")
    ringing = hears.hears("AgentCalled", Interface="PJSIP/dora")
    wait_for(
        "dora's phone", lambda: hears.events("Newstate", ChannelStateDesc="Ringing", Channel=ringing["DestChannel"])
    )

    switch = switch_of(asterisk)
    switch.answer(Answer(ringing["DestChannel"]))
    switch.close()

    connected = hears.hears("AgentConnect")
    assert (connected["Interface"], connected["MemberName"]) == ("PJSIP/dora", "Δώρα Παππά")
    assert (connected["CallerIDNum"], connected["CallerIDName"]) == (MARIA, "Μαρία")
    call.hang_up()
    assert hears.hears("AgentComplete")["Reason"] == "caller"


def test_bob_gives_up_in_the_queue(asterisk: Asterisk) -> None:
    hears = asterisk.logged_in("ringback-events")
    call = asterisk.call("+302310111222", to="sales")
    hears.hears("AgentCalled")

    call.hang_up()

    gone = hears.hears("QueueCallerAbandon")
    assert gone["Queue"] == "sales"
    assert hears.hears("HangupRequest", Uniqueid=gone["Uniqueid"])
    assert not hears.events("AgentConnect")


def test_a_call_that_alices_phone_declines_goes_to_the_next_agent(asterisk: Asterisk) -> None:
    for username in ("alice", "bob"):
        asterisk.phone(username, declines())
    asterisk.phone("charlie", answers())
    hears = asterisk.logged_in("ringback-events")
    asterisk.call(MARIA, to="sales")
    assert hears.hears("AgentConnect")["Interface"] == "PJSIP/charlie"


def test_click_to_call_rings_alice_first_and_then_the_customer(asterisk: Asterisk) -> None:
    asterisk.phone("alice", answers())
    hears = asterisk.logged_in("ringback-events")
    switch = switch_of(asterisk)

    switch.originate(Originate("call-back-1", "PJSIP/alice", MARIA))
    switch.close()

    first = hears.hears("DialEnd", DestUniqueid="call-back-1")
    assert (first["DestChannel"].rsplit("-", 1)[0], first["DialStatus"]) == ("PJSIP/alice", "ANSWER")
    second = hears.hears("DialBegin", Uniqueid="call-back-1")
    assert second["DialString"] == f"{MARIA}@trunk"
    assert hears.hears("DialEnd", Uniqueid="call-back-1")["DialStatus"] == "ANSWER"
    bridged = wait_for("both to talk", lambda: len(hears.events("BridgeEnter")) == 2)
    assert bridged
    assert hears.heard.index(first) < hears.heard.index(second)


def test_click_to_call_tells_that_the_customer_is_busy(asterisk: Asterisk) -> None:
    asterisk.phone("alice", answers())
    asterisk.called_back(is_busy())
    hears = asterisk.logged_in("ringback-events")
    switch = switch_of(asterisk)
    switch.originate(Originate("call-back-2", "PJSIP/alice", MARIA))
    switch.close()
    assert hears.hears("DialEnd", Uniqueid="call-back-2")["DialStatus"] == "BUSY"


def test_a_second_caller_does_not_ring_alice_while_she_talks(asterisk: Asterisk) -> None:
    asterisk.phone("alice", answers())
    hears = asterisk.logged_in("ringback-events")
    asterisk.call(MARIA, to="alice")
    wait_for("alice to talk", lambda: len(hears.events("BridgeEnter")) == 2)

    asterisk.call("+302310111222", to="alice")

    assert hears.hears("Hangup", CallerIDNum="+302310111222")["Cause"] == "17"
    assert len(hears.events("DialBegin")) == 1


def test_an_absent_phone_is_passed_by(asterisk: Asterisk) -> None:
    asterisk.phone("dora", None)
    asterisk.phone("charlie", answers())
    hears = asterisk.logged_in("ringback-events")
    asterisk.call(MARIA, to="support")
    hears.hears("AgentConnect")
    assert {event["Interface"] for event in hears.events("AgentCalled")} == {"PJSIP/charlie"}


def test_a_forged_number_goes_on_as_digits_alone(asterisk: Asterisk) -> None:
    hears = asterisk.logged_in("ringback-events")
    asterisk.call("69\r\nEvent: Hangup\r\nX: 21", to="alice")
    begun = hears.hears("DialBegin")
    assert (begun["CallerIDNum"], "X" in begun) == ("6921", False)


@pytest.mark.parametrize(("number", "shown"), [("", "anonymous"), (MARIA, MARIA)])
def test_a_withheld_number_is_said_to_be_withheld(asterisk: Asterisk, number: str, shown: str) -> None:
    """Also one that the network delivers all the same: then only CRM_PRES tells."""
    hears = asterisk.logged_in("ringback-events")
    asterisk.call(number, to="alice", withheld=True)
    assert hears.hears("DialBegin")["CallerIDNum"] == shown
    assert hears.hears("VarSet", Variable="CRM_PRES")["Value"].startswith("prohib")


def test_a_name_arrives_as_it_was_given(asterisk: Asterisk) -> None:
    hears = asterisk.logged_in("ringback-events")
    asterisk.call(MARIA, "Ελένη <b>;[len] 50% & RTL \u202eabc", to="alice")
    assert hears.hears("DialBegin")["CallerIDName"] == "Ελένη <b>;[len] 50% & RTL \u202eabc"


def test_every_step_of_a_call_is_on_disk(asterisk: Asterisk) -> None:
    asterisk.phone("alice", answers())
    hears = asterisk.logged_in("ringback-events")
    call = asterisk.call("+302109999999", "Anna", to="alice")
    linkedid = hears.hears("BridgeEnter")["Linkedid"]
    call.hang_up()

    def steps() -> list[str]:
        with asterisk.pbx.cel_file.open(encoding="utf-8", newline="") as file:
            return [row[0] for row in csv.reader(file) if row[3] == linkedid]

    wait_for("the end of the call in the books", lambda: "LINKEDID_END" in steps())
    assert {"CHAN_START", "ANSWER", "BRIDGE_ENTER", "BRIDGE_EXIT", "HANGUP", "CHAN_END"} <= set(steps())
