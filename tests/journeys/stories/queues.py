"""Customers who wait in queues."""

from __future__ import annotations

from telephony.commands import Pause
from tests.lab.desk import MANY
from tests.lab.script import From, answers, gives_up, hangs_up, hears_the_end, is_answered, refuses, rings, talks, types
from tests.lab.stage import SWITCH, Scene, Stories
from tests.lab.truth import Truth, answered, inbound, missed
from webapp import switches

STORIES = Stories()
TURN, HURRY, UNANSWERED, TWO_QUEUES, ALL, LOCAL, NOBODY, MENU = 100, 110, 120, 130, 200, 210, 220, 300


@STORIES.tell
def the_first_agent_answers(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), answers(), hears_the_end())
    scene.call(TURN, is_answered(), talks(3), hangs_up()).over()
    return inbound(scene, TURN, "answered", answered("alice", 2), queue=scene.queue("turn"), wait=1, talk=2)


@STORIES.tell
def the_second_agent_answers(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.phone("bob", rings(0.5), answers(), talks(1), hangs_up())
    scene.call(TURN, is_answered(), hears_the_end()).over()
    return inbound(
        scene, TURN, "answered", missed("alice"), answered("bob", 1), queue=scene.queue("turn"), wait=3.5, talk=1,
        by="agent",
    )  # fmt: skip


@STORIES.tell
def all_ring_one_answers(scene: Scene) -> Truth:
    scene.phone("alice", refuses("486 Busy Here"))
    scene.phone("bob", rings())
    scene.phone("charlie", rings(1), answers(), hears_the_end())
    scene.call(ALL, is_answered(), talks(1.5), hangs_up()).over()
    return inbound(
        scene, ALL, "answered", missed("alice", "busy"), missed("bob", "answered_elsewhere"), answered("charlie", 1.5),
        queue=scene.queue("all"), wait=1, talk=1.5,
    )  # fmt: skip


@STORIES.tell
def the_caller_gives_up_while_phones_ring(scene: Scene) -> Truth:
    for person in ("alice", "bob", "charlie"):
        scene.phone(person, rings())
    scene.call(ALL, gives_up(1.5)).over()
    legs = [missed(person, "cancelled") for person in ("alice", "bob", "charlie")]
    return inbound(scene, ALL, "abandoned", *legs, queue=scene.queue("all"), wait=1.5)


@STORIES.tell
def the_caller_gives_up_before_a_phone_rings(scene: Scene) -> list[Truth]:
    """Alice talks to somebody else, Bob has a break."""
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    scene.act("QueuePause", Interface=scene.line("bob"), Paused="true")
    first = scene.call(501, is_answered(), talks(4), hangs_up(), which=1)
    scene.connected("alice")
    scene.call(TURN, is_answered(), talks(1.5), hangs_up(), which=2).over()
    first.over()
    scene.act("QueuePause", Interface=scene.line("bob"), Paused="false")
    return [
        inbound(scene, 501, "answered", answered("alice", 4), wait=0.5, talk=4),
        inbound(scene, TURN, "abandoned", queue=scene.queue("turn"), wait=1.5, which=2),
    ]


@STORIES.tell
def nobody_answers_in_time(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.phone("bob", rings())
    scene.call(HURRY, is_answered(), hears_the_end()).over()
    return inbound(
        scene, HURRY, "queue_timeout", missed("alice"), missed("bob"), queue=scene.queue("turn"), wait=4, by="system"
    )


@STORIES.tell
def nobody_is_there(scene: Scene) -> Truth:
    scene.call(NOBODY, is_answered(), talks(1), hangs_up()).over()
    return inbound(scene, NOBODY, "no_agents", queue=scene.queue("nobody"), wait=0)


@STORIES.tell
def the_last_agent_leaves(scene: Scene) -> Truth:
    """By the product's own command; the caller gets voicemail, and hangs up."""
    with scene.app.app_context():
        for person in ("bob", "charlie"):
            switches.get(SWITCH).pause(Pause(scene.line(person), True, "break"))
    scene.phone("alice", rings(1), refuses("486 Busy Here"), calls=MANY)
    caller = scene.call(ALL, is_answered(), talks(1), hangs_up())
    scene.channel(scene.line("alice"))
    with scene.app.app_context():
        switches.get(SWITCH).pause(Pause(scene.line("alice"), True, "break"))
    caller.over()
    scene.act("QueuePause", Interface=scene.line("alice"), Paused="false")
    for person in ("bob", "charlie"):
        scene.act("QueuePause", Interface=scene.line(person), Paused="false")
    return inbound(scene, ALL, "no_agents", missed("alice", "busy"), queue=scene.queue("all"))


@STORIES.tell
def first_one_queue_then_another(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    scene.phone("bob", refuses("486 Busy Here"), calls=MANY)
    scene.phone("charlie", rings(0.5), answers(), hears_the_end())
    caller = scene.call(TWO_QUEUES, is_answered(), hears_the_end())
    scene.connected("charlie")
    scene.after(1.5)
    scene.act("Hangup", Channel=scene.channel(scene.line("charlie")), Cause=16)
    caller.over()
    return inbound(
        scene, TWO_QUEUES, "answered", missed("alice"), missed("alice", "answered_elsewhere"), missed("bob", "busy"),
        answered("charlie", 1.5), queue=scene.queue("all"), wait=3.5, talk=1.5, by="system",
    )  # fmt: skip


@STORIES.tell
def members_are_behind_local_channels(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), answers(), hears_the_end())
    scene.phone("bob", rings())
    scene.call(LOCAL, is_answered(), talks(3), hangs_up()).over()
    return inbound(
        scene, LOCAL, "answered", answered("alice", 2), missed("bob", "answered_elsewhere"), queue=scene.queue("local"),
        wait=1, talk=2,
    )  # fmt: skip


@STORIES.tell
def one_declines_one_is_dead_the_queue_goes_on(scene: Scene) -> Truth:
    """Alice's phone is registered, but nobody listens there."""
    scene.phone("bob", rings(0.5), refuses("603 Decline"))
    scene.phone("charlie", rings(1), answers(), talks(1), hangs_up())
    scene.call(ALL, is_answered(), hears_the_end()).over()
    return inbound(
        scene, ALL, "answered", missed("alice", "answered_elsewhere"), missed("bob", "declined"), answered("charlie", 1),
        queue=scene.queue("all"), wait=1, talk=1, by="agent",
    )  # fmt: skip


@STORIES.tell
def two_calls_at_once_from_the_same_number(scene: Scene) -> list[Truth]:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    scene.phone("bob", rings(0.5), answers(), hears_the_end())
    caller = From(scene.customer())
    first = scene.call(TURN, is_answered(), talks(4), hangs_up(), as_=caller)
    scene.connected("alice")
    scene.call(TURN, is_answered(), talks(2), hangs_up(), which=2, as_=caller).over()
    first.over()
    queue = scene.queue("turn")
    return [
        inbound(scene, TURN, "answered", answered("alice", 3.5), queue=queue, wait=0.5, talk=3.5),
        inbound(scene, TURN, "answered", answered("bob", 1.5), queue=queue, wait=0.5, talk=1.5),
    ]


@STORIES.tell
def a_menu_leads_to_the_queue(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), answers(), talks(1), hangs_up())
    scene.call(MENU, is_answered(), talks(0.5), types("1"), hears_the_end()).over()
    return inbound(scene, MENU, "answered", answered("alice", 1), queue=scene.queue("turn"), wait=1, talk=1, by="agent")


@STORIES.tell
def the_caller_gives_up_in_the_menu(scene: Scene) -> Truth:
    scene.call(MENU, is_answered(), talks(1), hangs_up()).over()
    return inbound(scene, MENU, "abandoned", wait=1)


@STORIES.tell
def the_menu_gives_the_caller_up(scene: Scene) -> Truth:
    """A wrong key, and nothing more is said."""
    scene.call(MENU, is_answered(), talks(0.5), types("7"), hears_the_end()).over()
    return inbound(scene, MENU, "rejected", by="system")
