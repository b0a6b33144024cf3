"""Customers who call a person, or several, without a queue."""

from __future__ import annotations

from tests.lab.script import (
    answers,
    forwards_to,
    gives_up,
    hangs_up,
    hears_the_end,
    is_answered,
    is_refused,
    refuses,
    rings,
    speaks,
    talks,
)
from tests.lab.stage import Scene, Stories
from tests.lab.truth import Truth, answered, inbound, missed

STORIES = Stories()
ALICE, BOB, NOBODY, VOICEMAIL, PATIENT = 501, 502, 509, 511, 521
GROUP, THEN_BOB, THROUGH_LOCAL, CLOSED, UNALLOCATED = 400, 600, 610, 700, 999


@STORIES.tell
def answered_and_the_caller_hangs_up(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), answers(), hears_the_end())
    scene.call(ALICE, is_answered(), talks(1.5), hangs_up()).over()
    return inbound(scene, ALICE, "answered", answered("alice", 1.5), wait=1, talk=1.5, cause=16)


@STORIES.tell
def answered_and_the_agent_hangs_up(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), answers(), talks(1.5), hangs_up())
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    return inbound(scene, ALICE, "answered", answered("alice", 1.5), wait=1, talk=1.5, by="agent")


@STORIES.tell
def a_supervisor_ends_the_call(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    caller = scene.call(ALICE, is_answered(), hears_the_end())
    channel = scene.customers_channel("alice")
    scene.after(1)
    scene.act("Hangup", Channel=channel, Cause=16)
    caller.over()
    return inbound(scene, ALICE, "answered", answered("alice", 1), wait=0.5, talk=1, by="system")


@STORIES.tell
def the_phone_is_busy(scene: Scene) -> Truth:
    scene.phone("alice", refuses("486 Busy Here"))
    scene.call(ALICE, is_refused()).over()
    return inbound(scene, ALICE, "busy", missed("alice", "busy"), wait=0, by="system", cause=17)


@STORIES.tell
def the_phone_is_not_answered(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.call(ALICE, is_refused()).over()
    return inbound(scene, ALICE, "no_answer", missed("alice"), wait=2, by="system")


@STORIES.tell
def the_call_is_declined(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), refuses("603 Decline"))
    scene.call(ALICE, is_refused()).over()
    return inbound(scene, ALICE, "rejected", missed("alice", "declined"), wait=0.5, by="system")


@STORIES.tell
def the_phone_is_dead(scene: Scene) -> Truth:
    """It is registered, and nobody listens there."""
    scene.call(ALICE, is_refused()).over()
    return inbound(scene, ALICE, "no_answer", missed("alice", "failed"), wait=2, by="system")


@STORIES.tell
def the_phone_fails(scene: Scene) -> Truth:
    scene.phone("alice", refuses("500 Server Internal Error"))
    scene.call(ALICE, is_refused()).over()
    return inbound(scene, ALICE, "no_answer", missed("alice", "failed"), wait=0, by="system")


@STORIES.tell
def the_phone_was_never_plugged_in(scene: Scene) -> Truth:
    scene.call(NOBODY, is_refused()).over()
    return inbound(scene, NOBODY, "no_answer", wait=0, by="system")


@STORIES.tell
def the_caller_hangs_up_while_it_rings(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.call(PATIENT, gives_up(1.5)).over()
    return inbound(scene, PATIENT, "abandoned", missed("alice", "cancelled"), wait=1.5)


@STORIES.tell
def a_number_that_nobody_has(scene: Scene) -> Truth:
    scene.call(UNALLOCATED, is_refused()).over()
    return inbound(scene, UNALLOCATED, "rejected", by="system", cause=1)


@STORIES.tell
def the_house_is_closed(scene: Scene) -> Truth:
    scene.call(CLOSED, is_refused()).over()
    return inbound(scene, CLOSED, "rejected", by="system", cause=21)


@STORIES.tell
def a_message_is_left(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.call(VOICEMAIL, is_answered(), speaks(), talks(3), hangs_up()).over()
    messages = list((scene.pbx.state_dir / "spool/voicemail/default" / scene.extension("alice")).glob("INBOX/*.wav"))
    assert len(messages) == 1
    return inbound(scene, VOICEMAIL, "no_answer", missed("alice"), wait=2)


@STORIES.tell
def no_message_is_left(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.call(VOICEMAIL, is_answered(), hangs_up()).over()
    return inbound(scene, VOICEMAIL, "no_answer", missed("alice"), wait=2)


@STORIES.tell
def one_of_a_group_answers(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.phone("bob", rings(1), answers(), hears_the_end())
    scene.phone("charlie", rings())
    scene.call(GROUP, is_answered(), talks(1), hangs_up()).over()
    losers = [missed(person, "answered_elsewhere") for person in ("alice", "charlie")]
    return inbound(scene, GROUP, "answered", answered("bob", 1), *losers, wait=1, talk=1)


@STORIES.tell
def the_whole_group_is_busy(scene: Scene) -> Truth:
    for person in ("alice", "bob", "charlie"):
        scene.phone(person, refuses("486 Busy Here"))
    scene.call(GROUP, is_refused()).over()
    legs = [missed(person, "busy") for person in ("alice", "bob", "charlie")]
    return inbound(scene, GROUP, "busy", *legs, wait=0, by="system")


@STORIES.tell
def the_dial_plan_forwards_to_a_colleague(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.phone("bob", rings(0.5), answers(), talks(1), hangs_up())
    scene.call(THEN_BOB, is_answered(), hears_the_end()).over()
    return inbound(scene, THEN_BOB, "answered", missed("alice"), answered("bob", 1), wait=2.5, talk=1, by="agent")


@STORIES.tell
def the_dial_plan_forwards_through_a_local_channel(scene: Scene) -> Truth:
    scene.phone("bob", rings(1), answers(), talks(1), hangs_up())
    scene.call(THROUGH_LOCAL, is_answered(), hears_the_end()).over()
    return inbound(scene, THROUGH_LOCAL, "answered", answered("bob", 1), wait=1, talk=1, by="agent")


@STORIES.tell
def the_phone_forwards_to_a_colleague(scene: Scene) -> Truth:
    """By 302: Asterisk dials for it, through a Local channel."""
    scene.phone("alice", forwards_to(scene.extension("bob")))
    scene.phone("bob", rings(1), answers(), talks(1), hangs_up())
    scene.call(PATIENT, is_answered(), hears_the_end()).over()
    return inbound(
        scene, PATIENT, "answered", missed("alice", "declined"), answered("bob", 1), wait=1, talk=1, by="agent"
    )


@STORIES.tell
def the_phone_forwards_to_a_mobile(scene: Scene) -> Truth:
    """Whoever answers there is one of ours, behind the trunk."""
    scene.phone("alice", forwards_to(scene.customer(2)))
    scene.called(rings(1), answers(), talks(1), hangs_up(), which=2)
    scene.call(PATIENT, is_answered(), hears_the_end()).over()
    mobile = answered("PJSIP/trunk", 1)
    return inbound(scene, PATIENT, "answered", missed("alice", "declined"), mobile, wait=1, talk=1, by="agent")


@STORIES.tell
def the_phone_forwards_when_it_has_rung_for_a_while(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), forwards_to(scene.extension("bob")))
    scene.phone("bob", rings())
    scene.call(PATIENT, gives_up(1.5)).over()
    legs = (missed("alice"), missed("bob", "cancelled"))
    return inbound(scene, PATIENT, "abandoned", *legs, wait=2.5)


@STORIES.tell
def a_colleague_picks_the_call_up(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    caller = scene.call(PATIENT, is_answered(), hears_the_end())
    scene.channel(scene.line("alice"))
    scene.after(0.5)
    scene.dial("bob", "*8", is_answered(), talks(2), hangs_up())
    caller.over()
    return inbound(
        scene, PATIENT, "answered", missed("alice", "answered_elsewhere"), answered("bob", 1.5, rang=False), wait=1.2,
        talk=1.5, by="agent",
    )  # fmt: skip


@STORIES.tell
def the_call_of_a_group_is_picked_up(scene: Scene) -> Truth:
    """From one of two phones that ring; Bob's own is not here."""
    scene.phone("alice", rings())
    scene.phone("charlie", rings())
    caller = scene.call(GROUP, is_answered(), hears_the_end())
    scene.channel(scene.line("charlie"))
    scene.after(0.5)
    scene.dial("bob", "*8", is_answered(), talks(2), hangs_up())
    caller.over()
    others = [missed(person, "answered_elsewhere", rang=person != "bob") for person in ("alice", "charlie", "bob")]
    return inbound(scene, GROUP, "answered", *others, answered("bob", 1.5, rang=False), wait=1.2, talk=1.5, by="agent")


@STORIES.tell
def agents_call_each_other(scene: Scene) -> list[Truth]:
    """No customer, no row."""
    scene.phone("bob", rings(0.5), answers(), hears_the_end())
    scene.dial("alice", scene.extension("bob"), is_answered(), talks(1), hangs_up()).over()
    return []
