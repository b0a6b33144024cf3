"""Customers who are called: with a click, or from the phone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from telephony.commands import First
from tests.lab.desk import wait_for
from tests.lab.script import (
    answers,
    gives_up,
    hangs_up,
    hears_the_end,
    holds,
    is_answered,
    is_refused,
    refers_to,
    refuses,
    resumes,
    rings,
    speaks,
    talks,
)
from tests.lab.stage import Scene, Stories
from tests.lab.truth import Leg, Truth, answered, missed, outbound

STORIES = Stories()
BUSY, WRONG, DECLINED = "486 Busy Here", "404 Not Found", "603 Decline"


def own(who: str, result: str = "cancelled") -> Leg:
    """The leg of the agent who called, when the customer was not reached."""
    return Leg(who, result)


@STORIES.tell
def clicked_and_answered(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    customer = scene.called(rings(1), answers(), talks(1.5), hangs_up())
    scene.click("alice")
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 1.5), wait=1, talk=1.5, cause=16)


@STORIES.tell
def clicked_and_the_agent_hangs_up(scene: Scene) -> Truth:
    """On the screen."""
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    call = scene.click("alice")
    scene.talk_on_screen(call)
    scene.after(1)
    scene.hang_up_on_screen("alice", call)
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 1), wait=0.5, talk=1, by="system")


@STORIES.tell
def clicked_and_the_customer_is_busy(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    customer = scene.called(refuses(BUSY))
    scene.click("alice")
    customer.over()
    return outbound(scene, "alice", "busy", own("alice", "failed"), wait=0, by="system", cause=17)


@STORIES.tell
def clicked_and_the_customer_declines(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    customer = scene.called(rings(0.5), refuses(DECLINED))
    scene.click("alice")
    customer.over()
    return outbound(scene, "alice", "rejected", own("alice", "failed"), wait=0.5, by="system", cause=21)


@STORIES.tell
def clicked_and_the_number_is_wrong(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    customer = scene.called(refuses(WRONG))
    scene.click("alice")
    customer.over()
    return outbound(scene, "alice", "wrong_number", own("alice", "failed"), wait=0, by="system", cause=1)


@STORIES.tell
def clicked_and_the_agent_gives_up(scene: Scene) -> Truth:
    alice = scene.phone("alice", rings(0.5), answers(), talks(2), hangs_up())
    scene.called(rings())
    scene.click("alice")
    alice.over()
    return outbound(scene, "alice", "no_answer", own("alice"), wait=2, by="agent")


@STORIES.tell
def clicked_and_the_agent_does_not_pick_up(scene: Scene) -> Truth:
    alice = scene.phone("alice", rings())
    scene.click("alice", ring_seconds=2)
    alice.over()
    return outbound(scene, "alice", "agent_no_answer", missed("alice"), wait=0, by="system")


@STORIES.tell
def clicked_and_the_agent_declines(scene: Scene) -> Truth:
    alice = scene.phone("alice", rings(0.5), refuses(DECLINED))
    scene.click("alice")
    alice.over()
    return outbound(scene, "alice", "agent_declined", missed("alice", "declined"), wait=0, by="agent")


@STORIES.tell
def clicked_and_the_agents_phone_is_busy(scene: Scene) -> Truth:
    alice = scene.phone("alice", refuses(BUSY))
    scene.click("alice")
    alice.over()
    return outbound(scene, "alice", "agent_unavailable", missed("alice", "busy"), wait=0, by="agent")


@STORIES.tell
def clicked_and_the_agents_phone_is_not_there(scene: Scene) -> Truth:
    """It was never plugged in: of such a call there is no channel at all."""
    scene.click("nobody")
    wait_for("the call to fail", lambda: scene.is_over(scene.customer()))
    return outbound(scene, "nobody", "agent_unavailable", wait=0, by="system")


@STORIES.tell
def through_a_local_channel_agent_first(scene: Scene) -> Truth:
    """With sound, so that Asterisk takes the Local channel away in the middle of the call."""
    scene.phone("alice", rings(0.5), answers(), hears_the_end(), echo=True)
    customer = scene.called(rings(1), answers(), speaks(), talks(2.5), hangs_up())
    scene.originate(f"Local/{scene.extension('alice')}@c2c-agent", "ringback-outbound", scene.customer())
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 2.5), wait=1, talk=2.5)


@STORIES.tell
def through_a_local_channel_customer_first(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), answers(), talks(2), hangs_up(), echo=True)
    customer = scene.called(rings(0.5), answers(), speaks(), hears_the_end())
    scene.originate(f"Local/{scene.customer()}@ringback-outbound", "internal", scene.extension("alice"))
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 2), talk=2, by="agent")


@STORIES.tell
def through_a_local_channel_without_sound(scene: Scene) -> Truth:
    """So it stays until the end."""
    scene.phone("alice", rings(0.5), answers(), talks(2.5), hangs_up())
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    scene.originate(f"Local/{scene.extension('alice')}@c2c-agent", "ringback-outbound", scene.customer())
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 2), wait=0.5, talk=2, by="agent")


def not_reached(scene: Scene, result: str, **more: Any) -> Truth:
    """A customer who was called first, so that no phone of ours rang."""
    return replace(outbound(scene, "alice", result, **more), agent=None)


@STORIES.tell
def customer_first_and_answered(scene: Scene) -> Truth:
    scene.phone("alice", rings(1), answers(), hears_the_end())
    customer = scene.called(rings(1), answers(), talks(3.5), hangs_up())
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 2.5), wait=1, talk=2.5, cause=16)


@STORIES.tell
def customer_first_with_sound(scene: Scene) -> Truth:
    """So Asterisk takes the Local channel away in the middle of the call."""
    scene.phone("alice", rings(1), answers(), talks(2.5), hangs_up(), echo=True)
    customer = scene.called(rings(1), answers(), speaks(), hears_the_end())
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 2.5), wait=1, talk=2.5, by="agent")


@STORIES.tell
def customer_first_and_the_agent_hangs_up_on_the_screen(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    call = scene.click("alice", first=First.CUSTOMER)
    scene.talk_on_screen(call)
    scene.after(1)
    scene.hang_up_on_screen("alice", call)
    customer.over()
    return outbound(scene, "alice", "answered", answered("alice", 1), wait=0.5, talk=1, by="system")


@STORIES.tell
def customer_first_who_is_busy(scene: Scene) -> Truth:
    customer = scene.called(refuses(BUSY))
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return not_reached(scene, "busy", wait=0, by="system", cause=17)


@STORIES.tell
def customer_first_who_declines(scene: Scene) -> Truth:
    customer = scene.called(rings(0.5), refuses(DECLINED))
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return not_reached(scene, "rejected", wait=0.5, by="system", cause=21)


@STORIES.tell
def customer_first_and_the_number_is_wrong(scene: Scene) -> Truth:
    customer = scene.called(refuses(WRONG))
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return not_reached(scene, "wrong_number", wait=0, by="system", cause=1)


@STORIES.tell
def customer_first_who_does_not_pick_up(scene: Scene) -> Truth:
    customer = scene.called(rings())
    scene.click("alice", ring_seconds=2, first=First.CUSTOMER)
    customer.over()
    return not_reached(scene, "no_answer", wait=2, by="system")


@STORIES.tell
def customer_first_and_given_up_on_the_screen(scene: Scene) -> Truth:
    """While only the customer's phone rings."""
    customer = scene.called(rings())
    call = scene.click("alice", first=First.CUSTOMER)
    scene.after(2)
    scene.hang_up_on_screen("alice", call)
    customer.over()
    return not_reached(scene, "no_answer", wait=2, by="system")


@STORIES.tell
def customer_first_and_the_agent_does_not_pick_up(scene: Scene) -> Truth:
    """Whoever picked up hears music meanwhile, and is let go."""
    scene.phone("alice", rings())
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    scene.click("alice", ring_seconds=2, first=First.CUSTOMER)
    customer.over()
    return outbound(scene, "alice", "agent_no_answer", missed("alice"), wait=0.5, by="system")


@STORIES.tell
def customer_first_and_the_agent_declines(scene: Scene) -> Truth:
    scene.phone("alice", rings(0.5), refuses(DECLINED))
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return outbound(scene, "alice", "agent_declined", missed("alice", "declined"), wait=0.5, by="agent")


@STORIES.tell
def customer_first_and_the_agent_gives_up_on_the_screen_while_they_wait(scene: Scene) -> Truth:
    """Nothing tells that from a phone that nobody picks up."""
    scene.phone("alice", rings())
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    call = scene.click("alice", first=First.CUSTOMER)
    scene.ring_on_screen(call)
    scene.hang_up_on_screen("alice", call)
    customer.over()
    return outbound(scene, "alice", "agent_no_answer", missed("alice"), wait=0.5, by="system")


@STORIES.tell
def customer_first_and_the_agents_phone_is_busy(scene: Scene) -> Truth:
    scene.phone("alice", refuses(BUSY))
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return outbound(scene, "alice", "agent_unavailable", missed("alice", "busy"), wait=0.5, by="agent")


@STORIES.tell
def customer_first_and_the_agents_phone_is_not_there(scene: Scene) -> Truth:
    """Of a phone that was never plugged in there is no channel."""
    customer = scene.called(rings(0.5), answers(), hears_the_end())
    scene.click("nobody", first=First.CUSTOMER)
    customer.over()
    return not_reached(scene, "agent_unavailable", wait=0.5, by="system")


@STORIES.tell
def customer_first_who_does_not_wait(scene: Scene) -> Truth:
    scene.phone("alice", rings())
    customer = scene.called(rings(0.5), answers(), talks(1.5), hangs_up())
    scene.click("alice", first=First.CUSTOMER)
    customer.over()
    return outbound(scene, "alice", "abandoned", missed("alice", "cancelled"), wait=0.5)


@STORIES.tell
def dialled_and_answered(scene: Scene) -> Truth:
    scene.called(rings(1), answers(), hears_the_end())
    scene.dial("alice", scene.customer(), is_answered(), talks(1.5), hangs_up()).over()
    return outbound(scene, "alice", "answered", answered("alice", 1.5), wait=1, talk=1.5, by="agent")


@STORIES.tell
def dialled_and_busy(scene: Scene) -> Truth:
    scene.called(refuses(BUSY))
    scene.dial("alice", scene.customer(), is_refused()).over()
    return outbound(scene, "alice", "busy", own("alice", "failed"), wait=0, by="system", cause=17)


@STORIES.tell
def dialled_and_given_up(scene: Scene) -> Truth:
    scene.called(rings())
    scene.dial("alice", scene.customer(), gives_up(1.5)).over()
    return outbound(scene, "alice", "no_answer", own("alice"), wait=1.5, by="agent")


@STORIES.tell
def dialled_held_and_sent_to_a_colleague(scene: Scene) -> Truth:
    scene.called(rings(0.5), answers(), hears_the_end())
    scene.phone("bob", rings(0.5), answers(), talks(1), hangs_up())
    alice = scene.dial(
        "alice", scene.customer(),
        is_answered(), talks(1), holds(), talks(1), resumes(), talks(1), refers_to(scene.extension("bob")),
        talks(0.5), hangs_up(),
    )  # fmt: skip
    alice.over()
    scene.gone(scene.line("bob"))
    return outbound(
        scene, "alice", "answered", answered("alice", 2, rang=False), answered("bob", 1), wait=0.5, talk=3, hold=1, by="agent",
        transfers=(("blind", "alice", "bob", "answered"),),
    )  # fmt: skip
