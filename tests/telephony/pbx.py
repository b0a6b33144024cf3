"""A switch on paper: says what Asterisk says when the things happen that a story tells."""

from __future__ import annotations

from telephony.ami.frames import Frame

BEGINNING = 1_795_426_000.0
TRUNK = "PJSIP/trunk-00000001"


class Pbx:
    """Channels are named in stories by their Uniqueid; `said` is everything so far."""

    def __init__(self) -> None:
        self.now = BEGINNING
        self.said: list[Frame] = []
        self._channels: dict[str, tuple[str, str]] = {}

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def say(self, event: str, **headers: str) -> Frame:
        frame = Frame.of({"Event": event, "Privilege": "call,all", "Timestamp": f"{self.now:.6f}", **headers})
        self.said.append(frame)
        self.now += 0.001
        return frame

    def about(self, event: str, uid: str, **headers: str) -> Frame:
        name, linkedid = self._channels[uid]
        return self.say(event, Channel=name, Uniqueid=uid, Linkedid=linkedid, **headers)

    def to(self, event: str, uid: str | None, dest: str, **headers: str) -> Frame:
        name, linkedid = self._channels[dest]
        dialled = {"DestChannel": name, "DestUniqueid": dest, "DestLinkedid": linkedid}
        return self.about(event, uid, **dialled, **headers) if uid else self.say(event, **dialled, **headers)

    def named(self, uid: str) -> dict[str, str]:
        """How an event shows the channel."""
        name, linkedid = self._channels[uid]
        return {"Channel": name, "Uniqueid": uid, "Linkedid": linkedid}

    # what happens

    def appears(self, uid: str, name: str, linkedid: str | None = None, *, state: str = "Down", **headers: str) -> None:
        self._channels[uid] = (name, linkedid or uid)
        self.about("Newchannel", uid, ChannelStateDesc=state, **headers)

    def customer_calls(self, uid: str, number: str = "6944000001", did: str = "2100000100", **headers: str) -> None:
        self.appears(
            uid, f"PJSIP/trunk-{uid}", state="Ring", CallerIDNum=number, CallerIDName="Dana", Exten=did, **headers
        )

    def queues(self, uid: str, queue: str = "sales") -> None:
        self.about("QueueCallerJoin", uid, Queue=queue, Position="1")

    def rings(self, caller: str | None, uid: str, line: str, linkedid: str | None = None) -> None:
        self.appears(uid, f"{line}-{uid}", linkedid or caller)
        self.to("DialBegin", caller, uid, DialString=line)
        self.about("Newstate", uid, ChannelStateDesc="Ringing")

    def dials_customer(self, caller: str, uid: str, number: str) -> None:
        self.appears(uid, f"PJSIP/trunk-{uid}", self._channels[caller][1])
        self.to("DialBegin", caller, uid, DialString=f"{number}@trunk")

    def picks_up(self, caller: str | None, uid: str) -> None:
        self.about("Newstate", uid, ChannelStateDesc="Up")
        self.to("DialEnd", caller, uid, DialStatus="ANSWER")

    def stops_ringing(self, caller: str | None, uid: str, status: str, cause: str = "0") -> None:
        self.to("DialEnd", caller, uid, DialStatus=status)
        self.about("Hangup", uid, Cause=cause)

    def bridges(self, *uids: str, bridge: str = "b1", kind: str = "basic") -> None:
        for number, uid in enumerate(uids, 1):
            self.about("BridgeEnter", uid, BridgeUniqueid=bridge, BridgeType=kind, BridgeNumChannels=str(number))

    def leaves(self, uid: str, bridge: str = "b1") -> None:
        self.about("BridgeLeave", uid, BridgeUniqueid=bridge)

    def joins_group(self, uid: str, linkedid: str) -> None:
        """From now on the channel is shown with another Linkedid."""
        self._channels[uid] = (self._channels[uid][0], linkedid)

    def hangs_up(self, uid: str, *others: str, cause: str = "16", bridge: str = "b1") -> None:
        """The far end of `uid` hangs up, and the others' channels end with it."""
        self.about("HangupRequest", uid, Cause=cause)
        self.ends(uid, *others, cause=cause, bridge=bridge)

    def ends(self, *uids: str, cause: str = "16", bridge: str = "b1") -> None:
        for uid in uids:
            self.leaves(uid, bridge)
        for uid in uids:
            self.about("Hangup", uid, Cause=cause)

    # what it lists when asked

    def shown(self, uid: str, *, state: str = "Up", bridge: str = "", seconds: int = 0, **headers: str) -> Frame:
        name, linkedid = self._channels[uid]
        return Frame.of(
            {
                "Event": "CoreShowChannel",
                "Channel": name,
                "ChannelStateDesc": state,
                "CallerIDNum": "6944000001" if "trunk" in name else "1001",
                "CallerIDName": "<unknown>",
                "Exten": "s",
                "Uniqueid": uid,
                "Linkedid": linkedid,
                "Duration": f"{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}",
                "BridgeId": bridge,
                **headers,
            }
        )

    def queued(self, uid: str, queue: str, wait: int) -> Frame:
        return Frame.of({"Event": "QueueEntry", "Queue": queue, "Position": "1", "Uniqueid": uid, "Wait": str(wait)})
