"""Mallory, who calls with line breaks in his number: what Asterisk writes then, byte by byte."""

from __future__ import annotations

from collections.abc import Sequence

HIS_CHANNEL, HIS_UID = "PJSIP/trunk-00000666", "1795426600.666"


def written(
    name: str, number: str, *, at: float, before: str = "", after: str = "", exten: str = "2100000100"
) -> bytes:
    """One event of Mallory's own channel, with all the lines that Asterisk writes, in its order."""
    return (
        f"Event: {name}\r\nPrivilege: call,all\r\nTimestamp: {at:.6f}\r\n{before}Channel: {HIS_CHANNEL}\r\n"
        f"ChannelState: 4\r\nChannelStateDesc: Ring\r\nCallerIDNum: {number}\r\nCallerIDName: Mallory\r\n"
        f"ConnectedLineNum: <unknown>\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\nAccountCode: \r\n"
        f"Context: from-trunk\r\nExten: {exten}\r\nPriority: 1\r\nUniqueid: {HIS_UID}\r\nLinkedid: {HIS_UID}\r\n{after}\r\n"
    ).encode()


def his_call(number: str, at: float, *, exten: str = "2100000100") -> list[bytes]:
    """Everything that is written of it, from its beginning to its end: he joins a queue, talks in a bridge, is gone."""
    bridge = (
        "BridgeUniqueid: his-bridge\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\nBridgeNumChannels: 1\r\n"
    )
    told = [
        ("Newchannel", "", ""),
        ("VarSet", "", "Variable: CRM_X\r\nValue: 1\r\n"),
        ("Newexten", "", "Extension: 1\r\nApplication: Queue\r\nAppData: sales\r\n"),
        ("QueueCallerJoin", "", "Queue: sales\r\nPosition: 1\r\nCount: 1\r\n"),
        ("BridgeEnter", bridge, ""),
        ("HangupRequest", "", "Cause: 16\r\n"),
        ("BridgeLeave", bridge, ""),
        ("Hangup", "", "Cause: 16\r\nCause-txt: Normal Clearing\r\n"),
    ]
    return [
        written(name, number, at=at + place / 1000, before=before, after=after, exten=exten)
        for place, (name, before, after) in enumerate(told)
    ]


def numbers_against(uid: str, phone: str, phone_uid: str, at: float) -> dict[str, str]:
    """What he may call himself to harm the call `uid`, and the phone that rings or talks in it. He knows or guesses all
    names and ids, and how events begin."""
    ids = f"Uniqueid: {uid}\r\nLinkedid: {uid}"

    def event(name: str, *lines: str) -> str:
        return "\r\n".join((f"Event: {name}", "Privilege: call,all", f"Timestamp: {at:.6f}", *lines))

    hangup, bare = event("Hangup", ids, "Cause: 16"), f"Event: Hangup\r\n{ids}\r\nCause: 16"
    enter = event(
        "BridgeEnter",
        "BridgeUniqueid: b9",
        "BridgeType: basic",
        "BridgeNumChannels: 2",
        f"Channel: {phone}",
        f"Uniqueid: {phone_uid}",
        f"Linkedid: {uid}",
    )
    joins = event("BridgeEnter", "BridgeUniqueid: b9", "BridgeType: basic", "BridgeNumChannels: 1", ids)
    up = event("Newstate", f"Channel: {phone}", "ChannelStateDesc: Up", f"Uniqueid: {phone_uid}", f"Linkedid: {uid}")
    alone = {
        "a hangup": hangup,
        "a hangup of few bytes": bare,
        "a hangup of the phone": event("Hangup", f"Uniqueid: {phone_uid}", f"Linkedid: {uid}", "Cause: 16"),
        "a hangup request": event("HangupRequest", ids, "Cause: 16"),
        "the phone in a bridge": enter,
        "the customer in a bridge": joins,
        "out of the bridge": event("BridgeLeave", "BridgeUniqueid: b1", ids),
        "the phone picked up": up,
        "the phone did not answer": event(
            "DialEnd", ids, f"DestUniqueid: {phone_uid}", f"DestLinkedid: {uid}", "DialStatus: NOANSWER"
        ),
        "given up in the queue": event("QueueCallerAbandon", ids, "Queue: sales", "Position: 1"),
        "out of the queue": event("QueueCallerLeave", ids, "Queue: sales", "Position: 1"),
        "nobody in the queue": event("VarSet", ids, "Variable: QUEUESTATUS", "Value: JOINEMPTY"),
        "a withheld number": event("VarSet", ids, "Variable: CRM_PRES", "Value: prohib"),
        "a click-to-call": event("VarSet", ids, "Variable: __CRM_CALL_ID", "Value: x"),
        "an event of the dialplan": event("UserEvent", ids, "UserEvent: Answered", f"Agent: {phone}"),
        "a click-to-call that failed": event(
            "OriginateResponse",
            "Response: Failure",
            f"Channel: {phone.rpartition('-')[0]}",
            "Exten: 6944000001",
            "Reason: 0",
            f"Uniqueid: {uid}",
        ),
        "a click-to-call that never was": event(
            "OriginateResponse",
            "ActionID: x",
            "Response: Failure",
            "Channel: PJSIP/1001",
            "Exten: 6944000001",
            "Reason: 0",
            "Uniqueid: <unknown>",
        ),
        "held": event("Hold", f"Uniqueid: {phone_uid}", f"Linkedid: {uid}"),
        "transferred": event(
            "BlindTransfer",
            "Result: Success",
            f"TransfererChannel: {phone}",
            f"TransfererUniqueid: {phone_uid}",
            f"TransfererLinkedid: {uid}",
            f"TransfereeUniqueid: {uid}",
            "Extension: 1009",
        ),
        "the switch goes down": "Event: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: True",
        "the switch came up": "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 0\r\nStatus: Fully Booted",
        "an answer": "Response: Error\r\nActionID: 1\r\nMessage: no",
        "a list that ends": "Event: CoreShowChannelsComplete\r\nActionID: 1\r\nEventList: Complete\r\nListItems: 0",
        "a snapshot of ours": "Received: 1.0 resync\r\nAt: 1.0\r\nRestarted: yes",
    }
    torn = {name: f"69\r\n\r\n{words}\r\n\r\nx" for name, words in alone.items()}
    return torn | {
        "more lines": f"69\r\n{ids}",
        "another event": "69\r\nEvent: Hangup\r\nX: y",
        "another group": f"69\r\nLinkedid: {uid}",
        "another channel": f"69\r\nChannel: {phone}\r\nUniqueid: {phone_uid}",
        "a swap": f"69\r\nSwapUniqueid: {phone_uid}",
        "no colon": "69\r\nnonsense",
        "line feeds only": f"69\nEvent: Hangup\n{ids}",
        "an end too soon": "69\r\n\r\nx",
        "ids before the end": f"69\r\n{ids}\r\n\r\nx",
        "ids before the end, and names": f"69\r\nCallerIDName: \r\nContext: a\r\nPriority: 1\r\n{ids}\r\n\r\nx",
        "a rest before a hangup": f"69\r\n\r\nX: y\r\n{ids}\r\n\r\n{hangup}\r\n\r\nx",
        "a rest that looks like an event": f"69\r\n\r\n{hangup}\r\n\r\n{event('Hold', 'X: y')}",
        "everything thrice": f"69\r\n\r\n{hangup}\r\n\r\n{enter}\r\n\r\n{joins}\r\n\r\n" * 3 + "x",
        "the last lines": f"1\r\nPriority: 1\r\n{ids}\r\n\r\nx",
        "the last lines, and a hangup": f"1\r\nPriority: 1\r\n{ids}\r\n\r\n{hangup}\r\n\r\nx",
        "an answer of both": f"69\r\n\r\n{up}\r\n\r\n{joins}\r\n\r\n{enter}\r\n\r\nx",
    }


def amid(story: Sequence[bytes], place: int, strange: Sequence[bytes]) -> list[bytes]:
    """The story as it was, with what is strange in it from `place` on, one after each of its frames, the rest at last."""
    told = list(story[:place])
    rest = list(strange)
    for raw in story[place:]:
        told += [rest.pop(0)] if rest else []
        told.append(raw)
    return told + rest
