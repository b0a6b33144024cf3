"""Who calls, and who calls again."""

from __future__ import annotations

from tests.lab.desk import wait_for
from tests.lab.script import (
    From,
    answers,
    gives_up,
    hangs_up,
    hears_the_end,
    is_answered,
    is_refused,
    refuses,
    rings,
    talks,
)
from tests.lab.stage import Scene, Stories
from tests.lab.truth import Truth, answered, inbound, missed, outbound

STORIES = Stories()
ALICE, PATIENT, TURN = 501, 521, 100


def heard(scene: Scene, caller: From, **facts: object) -> Truth:
    """A caller with this identity was talked to for a second."""
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    scene.call(ALICE, is_answered(), talks(1), hangs_up(), as_=caller).over()
    return inbound(scene, ALICE, "answered", answered("alice", 1), wait=0.5, talk=1, **facts)


def unheard(scene: Scene, caller: From, **facts: object) -> Truth:
    scene.phone("alice", refuses("486 Busy Here"))
    scene.call(ALICE, is_refused(), as_=caller).over()
    return inbound(scene, ALICE, "busy", missed("alice", "busy"), by="system", **facts)


@STORIES.tell
def with_name_and_international_number(scene: Scene) -> Truth:
    number = f"+30{scene.customer()}"
    return heard(scene, From(number, "Μαρία Παπαδοπούλου"), raw=number, name="Μαρία Παπαδοπούλου")


@STORIES.tell
def from_abroad(scene: Scene) -> Truth:
    return heard(scene, From("00442079460123"), customer="+442079460123", raw="00442079460123")


@STORIES.tell
def anonymous(scene: Scene) -> Truth:
    return unheard(scene, From("anonymous", "Anonymous"), customer=None, raw="", name="", withheld=True)


@STORIES.tell
def anonymous_twice(scene: Scene) -> list[Truth]:
    """Two people, for all that anybody knows: two entries."""
    return [unheard(scene, From("anonymous"), customer=None, raw="", withheld=True) for _ in range(2)]


@STORIES.tell
def in_confidence(scene: Scene) -> Truth:
    """The network tells the number to the PBX, and that it is not to be shown."""
    caller = From(scene.customer(), "Maria", privacy="id")
    return heard(scene, caller, customer=None, raw="", name="", withheld=True)


@STORIES.tell
def in_confidence_and_not_answered(scene: Scene) -> Truth:
    caller = From(scene.customer(), "Maria", privacy="id")
    return unheard(scene, caller, customer=None, raw="", name="", withheld=True)


@STORIES.tell
def with_letters_for_a_number(scene: Scene) -> Truth:
    return unheard(
        scene, From("sales.bot", "call me: 210 | now"), customer=None, raw="sales.bot", name="call me: 210 | now"
    )


@STORIES.tell
def with_fifty_digits(scene: Scene) -> Truth:
    return heard(scene, From("1234567890" * 5), customer=None, raw="1234567890" * 5)


@STORIES.tell
def with_greek_for_a_number(scene: Scene) -> Truth:
    return heard(scene, From("%CE%91%CE%B8%CE%AE%CE%BD%CE%B1"), customer=None, raw="Αθήνα")


@STORIES.tell
def with_a_quote_and_a_backslash_in_the_name(scene: Scene) -> Truth:
    caller = From(scene.customer(), 'Dana \\"The Boss\\" O\'Brien \\\\')
    return heard(scene, caller, name=caller.name)  # SIP's own backslashes Asterisk leaves in


@STORIES.tell
def with_a_formula_for_a_name(scene: Scene) -> Truth:
    return heard(scene, From(scene.customer(), "=1+1<script>"), name="=1+1<script>")


@STORIES.tell
def again_and_answered(scene: Scene) -> list[Truth]:
    scene.phone("alice", rings())
    scene.call(PATIENT, gives_up(1)).over()
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    scene.call(PATIENT, is_answered(), talks(1), hangs_up()).over()
    return [
        inbound(scene, PATIENT, "abandoned", missed("alice", "cancelled"), wait=1, callback="rang_in by 1"),
        inbound(scene, PATIENT, "answered", answered("alice", 1), wait=0.5, talk=1),
    ]


@STORIES.tell
def again_to_another_number_and_answered(scene: Scene) -> list[Truth]:
    """Written another way, too."""
    scene.phone("alice", refuses("486 Busy Here"))
    scene.call(ALICE, is_refused()).over()
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    scene.call(TURN, is_answered(), talks(1.5), hangs_up(), as_=From(f"0030{scene.customer()}")).over()
    return [
        inbound(scene, ALICE, "busy", missed("alice", "busy"), by="system", callback="rang_in by 1"),
        inbound(scene, TURN, "answered", answered("alice", 1), queue=scene.queue("turn"), talk=1),
    ]


@STORIES.tell
def again_and_missed_again(scene: Scene) -> list[Truth]:
    """One entry for both."""
    scene.phone("alice", refuses("486 Busy Here"), calls=2)
    scene.call(ALICE, is_refused()).over()
    scene.call(ALICE, is_refused()).over()
    return [inbound(scene, ALICE, "busy", missed("alice", "busy"), by="system") for _ in range(2)]


@STORIES.tell
def called_back_and_answered(scene: Scene) -> list[Truth]:
    scene.phone("alice", rings())
    scene.call(PATIENT, gives_up(1)).over()
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    wait_for("the product to hear of it", lambda: scene.is_over(scene.customer()))
    customer = scene.called(rings(0.5), answers(), talks(1), hangs_up())
    scene.click("alice")
    customer.over()
    return [
        inbound(scene, PATIENT, "abandoned", missed("alice", "cancelled"), wait=1, callback="reached by 1"),
        outbound(scene, "alice", "answered", answered("alice", 1), wait=0.5, talk=1),
    ]


@STORIES.tell
def called_back_and_not_answered(scene: Scene) -> list[Truth]:
    scene.phone("alice", rings())
    scene.call(PATIENT, gives_up(1)).over()
    scene.phone("alice", rings(0.5), answers(), hears_the_end())
    wait_for("the product to hear of it", lambda: scene.is_over(scene.customer()))
    customer = scene.called(refuses("486 Busy Here"))
    scene.click("alice")
    customer.over()
    return [
        inbound(scene, PATIENT, "abandoned", missed("alice", "cancelled"), wait=1, callback="open"),
        outbound(scene, "alice", "busy", missed("alice", "failed"), wait=0, by="system"),
    ]


# ---- line breaks in the number: what follows looks like the switch's own words


@STORIES.tell
def with_a_header_in_the_number(scene: Scene) -> Truth:
    return heard(scene, From("69%0D%0AX-Header%3A%20y"), customer=None)


@STORIES.tell
def with_a_forged_hangup_in_the_number(scene: Scene) -> Truth:
    forged = "69%0D%0AEvent%3A%20Hangup%0D%0AX%3A%20y"
    return heard(scene, From(forged), customer=None, raw="69\r\nEvent: Hangup\r\nX: y")
