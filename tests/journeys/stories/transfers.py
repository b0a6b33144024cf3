"""Calls that go from one to another: transferred, parked, joined."""

from __future__ import annotations

from tests.lab.script import (
    Step,
    answers,
    hangs_up,
    hears_the_end,
    holds,
    is_answered,
    refers_to,
    resumes,
    rings,
    talks,
    types,
)
from tests.lab.stage import Scene, Stories
from tests.lab.truth import Truth, answered, inbound, missed

STORIES = Stories()
ALICE, TURN = 501, 100


def _keys_for_bob(scene: Scene, feature: str) -> tuple[Step, ...]:
    return rings(0.5), answers(), talks(1), types(feature), talks(0.7), types(scene.extension("bob"))


@STORIES.tell
def held_and_resumed(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1), holds(), talks(2), resumes(), talks(1), hangs_up())
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    return inbound(scene, ALICE, "answered", answered("alice", 2), wait=0.5, talk=2, hold=2, by="agent")


@STORIES.tell
def the_caller_gives_up_on_hold(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1), holds(), hears_the_end())
    scene.call(ALICE, is_answered(), talks(3), hangs_up()).over()
    return inbound(scene, ALICE, "answered", answered("alice", 1), wait=0.5, talk=1, hold=2)


@STORIES.tell
def blind_by_refer_and_answered(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1.5), refers_to(scene.extension("bob")), hears_the_end())
    scene.phone("bob", rings(1), answers(), talks(1.5), hangs_up())
    scene.call(TURN, is_answered(), hears_the_end()).over()
    return inbound(
        scene, TURN, "answered", answered("alice", 1.5), answered("bob", 1.5), queue=scene.queue("turn"), wait=0.5,
        talk=3, by="agent", transfers=(("blind", "alice", "bob", "answered"),),
    )  # fmt: skip


@STORIES.tell
def blind_by_refer_and_not_answered(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1), refers_to(scene.extension("bob")), hears_the_end())
    scene.phone("bob", rings())
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 1), missed("bob"), wait=0.5, talk=1, by="system",
        transfers=(("blind", "alice", "bob", "no_answer"),),
    )  # fmt: skip


@STORIES.tell
def blind_by_refer_and_the_caller_gives_up(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1), refers_to(scene.extension("bob")), hears_the_end())
    scene.phone("bob", rings())
    scene.call(ALICE, is_answered(), talks(2.5), hangs_up()).over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 1), missed("bob", "cancelled"), wait=0.5, talk=1,
        transfers=(("blind", "alice", "bob", "abandoned"),),
    )  # fmt: skip


@STORIES.tell
def blind_by_refer_to_a_mobile(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1), refers_to(scene.customer(2)), hears_the_end())
    scene.called(rings(1), answers(), talks(1.5), hangs_up(), which=2)
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 1), answered("PJSIP/trunk", 1.5), wait=0.5, talk=2.5, by="agent",
        transfers=(("blind", "alice", scene.customer(2), "answered"),),
    )  # fmt: skip


@STORIES.tell
def blind_by_keys(scene: Scene) -> Truth:
    scene.phone("alice", *_keys_for_bob(scene, "#1"), hears_the_end())
    scene.phone("bob", rings(1), answers(), talks(1.5), hangs_up())
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    return inbound(
        scene, ALICE, "answered", answered("alice"), answered("bob", 1.5), wait=0.5, talk=3.1, hold=1, by="agent",
        transfers=(("blind", "alice", "bob", "answered"),),
    )  # fmt: skip


@STORIES.tell
def attended_by_keys(scene: Scene) -> Truth:
    scene.phone("alice", *_keys_for_bob(scene, "*2"), talks(3), hangs_up())
    scene.phone("bob", rings(0.5), answers(), talks(4), hangs_up())
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 1.2), answered("bob", 1.5), wait=0.5, talk=2.7, hold=4.2, by="agent",
        transfers=(("attended", "alice", "bob", "answered"),),
    )  # fmt: skip


@STORIES.tell
def attended_by_keys_and_taken_back(scene: Scene) -> Truth:
    """Bob hangs up after the consultation; the customer is Alice's again."""
    scene.phone("alice", *_keys_for_bob(scene, "*2"), talks(4.5), hangs_up())
    scene.phone("bob", rings(0.5), answers(), talks(1), hangs_up())
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    consulted = missed("bob", "cancelled")
    return inbound(scene, ALICE, "answered", answered("alice", 4), consulted, wait=0.5, talk=4, hold=3, by="agent")


@STORIES.tell
def attended_by_a_desk_phone(scene: Scene) -> Truth:
    """By REFER with Replaces: until then the consultation is a call of its own."""
    alice = scene.desk_phone("alice", "bob", ring=0.5, talk=1, consult=1.5)
    scene.phone("bob", rings(0.5), answers(), talks(3), hangs_up())
    caller = scene.call(TURN, is_answered(), hears_the_end())
    alice.over()
    caller.over()
    return inbound(
        scene, TURN, "answered", answered("alice", 1), answered("bob", 1.5), queue=scene.queue("turn"), wait=0.5,
        talk=2.5, hold=2, by="agent", transfers=(("attended", "alice", "bob", "answered"),),
    )  # fmt: skip


@STORIES.tell
def completed_while_it_rings(scene: Scene) -> Truth:
    """Alice does not wait for Bob's answer."""
    scene.phone("alice", *_keys_for_bob(scene, "*2"), talks(0.7), hangs_up())
    scene.phone("bob", rings(1.5), answers(), talks(1.5), hangs_up())
    scene.call(ALICE, is_answered(), hears_the_end()).over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 1.2), answered("bob", 1.5), wait=0.5, talk=2.7, hold=2.8, by="agent",
        transfers=(("attended", "alice", "bob", "answered"),),
    )  # fmt: skip


@STORIES.tell
def completed_while_it_rings_and_called_back(scene: Scene) -> Truth:
    """Bob does not answer, so Asterisk calls Alice, who did not wait, again."""
    alice = scene.phone("alice", *_keys_for_bob(scene, "*2"), talks(0.7), hangs_up())
    scene.phone("bob", rings())
    caller = scene.call(ALICE, is_answered(), hears_the_end())
    alice.over()
    scene.phone("alice", rings(0.5), answers(), talks(1), hangs_up())
    caller.over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 2.2), missed("bob"), answered("alice"), wait=0.5, talk=2.2, hold=6.8,
        by="agent", transfers=(("attended", "alice", "bob", "no_answer"),),
    )  # fmt: skip


@STORIES.tell
def redirected_by_a_supervisor(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    scene.phone("bob", rings(1), answers(), talks(1), hangs_up())
    caller = scene.call(ALICE, is_answered(), hears_the_end())
    channel = scene.customers_channel("alice")
    scene.after(1)
    scene.act("Redirect", Channel=channel, Context="internal", Exten=scene.extension("bob"), Priority=1)
    caller.over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 1), answered("bob", 1), wait=0.5, talk=2, by="agent",
        transfers=(("redirect", "supervisor", "bob", "answered"),),
    )  # fmt: skip


@STORIES.tell
def parked_and_fetched_by_a_colleague(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1), types("#72"), hears_the_end())
    caller = scene.call(ALICE, is_answered(), hears_the_end())
    place = scene.parked_at()
    scene.after(1.5)
    scene.dial("bob", place, is_answered(), talks(1.5), hangs_up())
    caller.over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 1.5), answered("bob", 1.5), wait=0.5, talk=3, hold=1.8, by="agent"
    )


@STORIES.tell
def the_caller_gives_up_parked(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), talks(1), types("#72"), hears_the_end())
    caller = scene.call(ALICE, is_answered(), talks(4), hangs_up())
    scene.parked_at()
    caller.over()
    return inbound(scene, ALICE, "answered", answered("alice", 1.5), wait=0.5, talk=1.5, hold=2.5)


@STORIES.tell
def three_in_a_conference(scene: Scene) -> Truth:
    room = f"8{scene.number:02}1"
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    caller = scene.call(ALICE, is_answered(), hears_the_end())
    channel = scene.customers_channel("alice")
    scene.after(1)
    scene.act(
        "Redirect", Channel=channel, ExtraChannel=scene.channel(scene.line("alice")), Context="internal", Exten=room,
        Priority=1, ExtraContext="internal", ExtraExten=room, ExtraPriority=1,
    )  # fmt: skip
    scene.dial("bob", room, is_answered(), talks(1.5), hangs_up()).over()
    scene.act("Hangup", Channel=scene.channel(scene.line("alice")), Cause=16)
    scene.act("Hangup", Channel=channel, Cause=16)
    caller.over()
    return inbound(
        scene, ALICE, "answered", answered("alice", 2.7), answered("bob", 1.5), wait=0.5, talk=2.7, by="system"
    )


@STORIES.tell
def a_supervisor_listens_and_whispers(scene: Scene) -> Truth:
    """Calls of a supervisor, who hears and is heard: none of them is a call with a customer."""
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    scene.phone("charlie", rings(0.3), answers(), talks(1), hangs_up(), calls=2)
    caller = scene.call(ALICE, is_answered(), talks(4.5), hangs_up())
    scene.connected("alice")
    for options in ("qE", "qwE"):
        scene.act(
            "Originate", Channel=scene.line("charlie"), Application="ChanSpy", Data=f"{scene.line('alice')}-,{options}",
            CallerID="Supervisor <0>", Async="true",
        )  # fmt: skip
        scene.channel(scene.line("charlie"))
        scene.gone(scene.line("charlie"))
    caller.over()
    return inbound(scene, ALICE, "answered", answered("alice", 4.5), wait=0.5, talk=4.5)
