"""<Enqueue>: callers who wait, and how they stop waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telephony.fake.twilio.clock import TIMEOUT, Process, Signal, Steps, whole
from telephony.fake.twilio.errors import BadDocument, NotModelled, not_found
from telephony.fake.twilio.model import Call, Program, Queue, Target
from telephony.fake.twilio.programs import Goto, HungUp, Left, NoDocument, Outcome
from telephony.fake.twilio.talk import Talk
from telephony.fake.twilio.twiml import WAITING, WHISPERING, Element

if TYPE_CHECKING:
    from telephony.fake.twilio.interpreter import Interpreter
    from telephony.fake.twilio.stand_in import FakeTwilio

ASKED_AGAIN_AT_LEAST = 1.0  # an empty document does not make Twilio ask without end
AFTER_A_FAILURE = 5.0


class Queues:
    def __init__(self, twilio: FakeTwilio) -> None:
        self._twilio = twilio
        self.all: dict[str, Queue] = {}
        self.memberships: dict[str, Membership] = {}  # by call sid
        self.arrivals: dict[str, Signal] = {}  # by queue sid

    def get(self, sid: str) -> Queue:
        if sid not in self.all:
            raise not_found(f"/Queues/{sid}.json")
        return self.all[sid]

    def named(self, name: str) -> Queue | None:
        return next((queue for queue in self.all.values() if queue.friendly_name == name), None)

    def create(self, name: str, max_size: int = 100) -> Queue:
        if self.named(name) is not None:
            raise NotModelled(f"a second queue with the name {name}")
        now = self._twilio.clock.now
        queue = Queue(self._twilio.sids.new("QU"), now, now, name, max_size)
        self.all[queue.sid] = queue
        return queue

    def delete(self, queue: Queue) -> None:
        if queue.members:
            raise NotModelled("to delete a queue in which somebody waits")
        del self.all[queue.sid]

    def membership(self, queue: Queue, which: str) -> Membership:
        """By call, or whoever is at the Front."""
        sid = queue.members[0].sid if which == "Front" and queue.members else which
        member = self.memberships.get(sid)
        if member is None or member.queue is not queue:
            raise not_found(f"/Queues/{queue.sid}/Members/{which}.json")
        return member

    def came(self, queue: Queue) -> None:
        self.arrivals.pop(queue.sid, Signal()).set()


class Membership:
    """A call in a queue."""

    def __init__(
        self, twilio: FakeTwilio, interpreter: Interpreter, call: Call, queue: Queue, action: Target | None
    ) -> None:
        self._twilio, self._interpreter = twilio, interpreter
        self.call, self.queue, self._action = call, queue, action
        self.since = twilio.clock.now
        self._waited: float | None = None
        self.left = Signal()  # with QueueResult
        self.gone = Signal()  # when somebody talks to them: it is over
        self._bridge = ""  # in-process, then bridged
        self._music: Process | None = None
        queue.members.append(call)
        twilio.queues.memberships[call.sid] = self
        call.place = self
        twilio.queues.came(queue)

    @property
    def seconds(self) -> int:
        return whole(self._twilio.clock.now - self.since if self._waited is None else self._waited)

    @property
    def position(self) -> int:
        return self.queue.members.index(self.call) + 1

    def wait(self, target: Target | None) -> None:
        if target is not None:
            self._music = self._twilio.clock.start(self._hear(target))

    def _hear(self, target: Target) -> Steps:
        """The document is asked for again each time it is at its end."""
        goto = Goto(target)
        while True:
            began = self._twilio.clock.now
            try:
                asked = Goto(goto.target, {**goto.params, **self._told_while_waiting()})
                verbs = yield from self._interpreter.document(self.call, asked, WAITING, "a queue's waitUrl")
                nextly = yield from self._interpreter.perform(self.call, verbs, goto.target.url)
                goto = nextly or Goto(target)
            except Left:
                self.left.set("leave")
                return
            except HungUp:
                self._twilio.calls.end(self.call, "completed", "twilio")
                return
            except (NoDocument, BadDocument) as error:
                if isinstance(error, BadDocument):
                    self._twilio.alert(error.code, str(error), self.call.sid, goto.target)
                self.call.failures.append(error.code)
                if self._twilio.doubts.failed_wait == "error":
                    self.left.set("error")
                    return
                goto = Goto(target)
                yield AFTER_A_FAILURE
            if self._twilio.clock.now - began < ASKED_AGAIN_AT_LEAST:
                yield ASKED_AGAIN_AT_LEAST

    def _told_while_waiting(self) -> dict[str, str]:
        return {
            "QueueSid": self.queue.sid,
            "QueuePosition": str(self.position),
            "QueueTime": str(self.seconds),
            "AvgQueueTime": str(self.queue.average()),
            "CurrentQueueSize": str(len(self.queue.members)),
            "MaxQueueSize": str(self.queue.max_size),
        }

    def take(self) -> None:
        """Somebody dials the queue, and gets this caller."""
        self._stop_waiting()
        self._bridge = "in-process"

    def connected(self) -> None:
        self._bridge = "bridged"

    def let_go(self) -> None:
        """Who talked to them has gone; their document goes on."""
        self.left.set("bridged" if self._bridge == "bridged" else "error")

    def leave(self, call: Call, cause: str) -> None:
        self._stop_waiting()
        if cause == "redirected":
            result = "redirected-from-bridged" if self._bridge == "bridged" else "redirected"
        else:
            result = {"": "hangup", "in-process": "bridging-in-process", "bridged": "bridged"}[self._bridge]
        self.gone.set()
        self._interpreter.tell(call, self._action, self.told(result))

    def finish(self) -> None:
        self._stop_waiting()
        self.gone.set()
        self.call.place = None

    def told(self, result: str) -> dict[str, str]:
        return {"QueueResult": result, "QueueSid": self.queue.sid, "QueueTime": str(self.seconds)}

    def _stop_waiting(self) -> None:
        if self._music is not None:
            self._music.stop()
        if self._waited is None:
            self._waited = self._twilio.clock.now - self.since
            self.queue.waits.append(self._waited)
            self.queue.members.remove(self.call)
            self._twilio.queues.memberships.pop(self.call.sid, None)


def enqueue(twilio: FakeTwilio, interpreter: Interpreter, call: Call, verb: Element, base: str) -> Outcome:
    twilio.calls.answer(call)
    action = interpreter.action(verb, base)
    queue = twilio.queues.named(verb.text) or twilio.queues.create(verb.text)
    if len(queue.members) >= queue.max_size:
        return Goto(action, {"QueueResult": "queue-full"}) if action is not None else None
    member = Membership(twilio, interpreter, call, queue, action)
    url = verb.get("waitUrl")
    member.wait(Target(interpreter.url(base, url), verb.get("waitUrlMethod", "POST")) if url else None)
    result = yield member.left
    member.finish()
    return Goto(action, member.told(result)) if action is not None else None


def dial(twilio: FakeTwilio, interpreter: Interpreter, call: Call, verb: Element, base: str) -> Outcome:
    """<Dial><Queue>: this leg gets whoever waits longest."""
    twilio.calls.answer(call)
    noun, action = verb.children[0], interpreter.action(verb, base)
    queue = twilio.queues.named(noun.text) or twilio.queues.create(noun.text)
    if not queue.members:
        arrival = twilio.queues.arrivals.setdefault(queue.sid, Signal())
        came = yield arrival, float(verb.number("timeout", 30))
        if came is TIMEOUT:
            raise NotModelled("<Dial><Queue> of a queue that stays empty")
    member = twilio.queues.membership(queue, "Front")
    session = _Serving(twilio, interpreter, call, member, action)
    return (yield from session.run(noun, base))


class _Serving:
    """Who dialled a queue, with whoever came out of it."""

    def __init__(
        self, twilio: FakeTwilio, interpreter: Interpreter, call: Call, member: Membership, action: Target | None
    ) -> None:
        self._twilio, self._interpreter, self._call = twilio, interpreter, call
        self._member, self._action = member, action
        self._talk: Talk | None = None
        self._began = twilio.clock.now

    def run(self, noun: Element, base: str) -> Outcome:
        self._member.take()
        self._call.place = self
        whisper = noun.get("url")
        if whisper:
            program = Program(self._interpreter.url(base, whisper), noun.get("method", "POST"))
            heard = self._twilio.clock.start(
                self._interpreter.run(self._member.call, program, WHISPERING, "a <Queue>'s whisper")
            )
            first = Signal()
            heard.done.then(first.set)
            self._member.gone.then(first.set)
            yield first
            heard.stop()
        if not self._member.gone.happened:
            self._member.connected()
            self._began = self._twilio.clock.now
            self._talk = Talk(self._twilio.clock, self._call, self._member.call)
            yield self._member.gone
        self._call.place = None
        self._part()
        return Goto(self._action, self._told("completed")) if self._action is not None else None

    def leave(self, call: Call, cause: str) -> None:
        self._part()
        self._member.let_go()
        if cause != "redirected":
            self._interpreter.tell(call, self._action, self._told("completed"))

    def _part(self) -> None:
        if self._talk is not None:
            self._talk.end()

    def _told(self, status: str) -> dict[str, str]:
        return {
            "DialCallStatus": status,
            "DialCallSid": self._member.call.sid,
            "DialCallDuration": str(whole(self._twilio.clock.now - self._began)) if self._talk is not None else "0",
            "DialBridged": str(self._talk is not None).lower(),
            "QueueSid": self._member.queue.sid,
        }
