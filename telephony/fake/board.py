"""What is alive on a switch, from the events that it sent; listed as Asterisk lists it."""

from __future__ import annotations

import threading
import time

from telephony.ami.frames import Frame

Headers = dict[str, str]


class Board:
    """What is alive, from the events that were sent."""

    def __init__(self) -> None:
        self.channels: dict[str, Headers] = {}
        self.waiting: dict[str, Headers] = {}
        self.members: dict[tuple[str, str], Headers] = {}  # by queue and interface
        self._lock = threading.Lock()

    def see(self, frame: Frame) -> None:
        uid = frame.get("Uniqueid")
        if uid is None:
            return
        with self._lock:
            if frame.name == "Newchannel":
                self.channels[uid] = dict(frame)
            elif frame.name == "Hangup":
                self.channels.pop(uid, None)
                self.waiting.pop(uid, None)
            elif frame.name == "QueueCallerJoin":
                self.waiting[uid] = dict(frame)
            elif frame.name in ("QueueCallerLeave", "QueueCallerAbandon"):
                self.waiting.pop(uid, None)
            if uid in self.channels:
                self._update(self.channels[uid], frame)

    def _update(self, channel: Headers, frame: Frame) -> None:
        for name in ("ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "Linkedid", "Context", "Exten"):
            if name in frame:
                channel[name] = frame[name]
        if frame.name == "BridgeEnter":
            channel["BridgeId"] = frame.get("BridgeUniqueid", "")
        elif frame.name == "BridgeLeave":
            channel["BridgeId"] = ""

    def add_member(self, queue: str, interface: str, phone: str) -> Headers:
        with self._lock:
            member = self.members[queue, interface] = {
                "Queue": queue, "MemberName": phone, "Interface": interface, "StateInterface": phone,
                "Membership": "static", "Penalty": "0", "CallsTaken": "0", "LastCall": "0", "LastPause": "0",
                "InCall": "0", "Status": "1", "Paused": "0", "PausedReason": "", "Ringinuse": "0", "Wrapuptime": "0",
            }  # fmt: skip
            return dict(member)

    def pause(self, interface: str, paused: bool, reason: str = "", queue: str = "") -> list[Headers]:
        """In one queue, or in all; the members that it was done to."""
        with self._lock:
            found = [member for (name, own), member in self.members.items() if own == interface and queue in ("", name)]
            for member in found:
                member |= {"Paused": str(int(paused)), "PausedReason": reason}
                if paused:
                    member["LastPause"] = str(int(time.time()))
            return [dict(member) for member in found]

    def linkedid(self, channel: str) -> str | None:
        """By name or by id, as Asterisk finds it."""
        with self._lock:
            known = self.channels.items()
            return next((seen.get("Linkedid") for uid, seen in known if channel in (uid, seen.get("Channel"))), None)

    def rings(self, channel: str) -> bool:
        with self._lock:
            states = {seen.get("Channel"): seen.get("ChannelStateDesc") for seen in self.channels.values()}
            return states.get(channel) in ("Down", "Ring", "Ringing")

    def channel_list(self) -> list[Headers]:
        with self._lock:
            return [
                {"Application": "", "BridgeId": ""}
                | without(seen, "Privilege", "Timestamp")
                | {"Event": "CoreShowChannel", "Duration": time.strftime("%H:%M:%S", time.gmtime(_age(seen)))}
                for seen in self.channels.values()
            ]

    def queue_list(self) -> list[Headers]:
        with self._lock:
            queues = sorted({seen.get("Queue", "") for seen in (*self.waiting.values(), *self.members.values())})
            heads = [{"Event": "QueueParams", "Queue": queue} for queue in queues]
            heads += [_as_listed(member) for member in self.members.values()]
            entries = [
                without(seen, "Privilege", "Timestamp") | {"Event": "QueueEntry", "Wait": str(_age(seen))}
                for seen in self.waiting.values()
            ]
            return heads + entries


def _as_listed(member: Headers) -> Headers:
    """In the list an interface is called a location."""
    named = {"Event": "QueueMember", "Queue": member["Queue"], "Name": member["MemberName"]}
    return named | {"Location": member["Interface"]} | without(member, "Queue", "MemberName", "Interface")


def _age(seen: Headers) -> int:
    return max(0, int(time.time() - float(seen.get("Timestamp") or time.time())))


def without(headers: Headers, *names: str) -> Headers:
    return {name: value for name, value in headers.items() if name not in names}
