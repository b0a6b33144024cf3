"""What a bridge listens to, and how it gets the connections on which it does."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable

from telephony.ami.client import AmiClient, OnFrames, Wanted

CLASSES = "system,call,agent,user,dialplan,cdr"  # not "reporting": RTCP reports, and test events in some builds
_NEEDED = """
Newchannel Newstate NewCallerid DialBegin DialEnd BridgeEnter BridgeLeave Hold Unhold HangupRequest SoftHangupRequest
Hangup BlindTransfer AttendedTransfer ParkedCall UnParkedCall ParkedCallGiveUp ParkedCallTimeOut ParkedCallSwap Pickup
LocalBridge LocalOptimizationEnd ConfbridgeJoin ConfbridgeLeave ChanSpyStart ChanSpyStop QueueCallerJoin
QueueCallerLeave QueueCallerAbandon AgentCalled AgentConnect AgentComplete AgentRingNoAnswer QueueMemberAdded
QueueMemberRemoved QueueMemberPause QueueMemberStatus OriginateResponse Cdr MessageWaiting MixMonitorStart
MixMonitorStop FullyBooted Shutdown Reload ContactStatus UserEvent
"""
_VARIABLES = rb"\r\nVariable: (?:_*CRM_|(?:REC_FILE|VM_MESSAGEFILE|VMSTATUS|DIALSTATUS|QUEUESTATUS)(?:\r|$))"
WANTED: Wanted = {  # a switch that does not filter by itself sends five times as much
    **dict.fromkeys(_NEEDED.split()),
    "VarSet": re.compile(_VARIABLES),
    "Newexten": re.compile(rb"\r\nApplication: Queue(?:\r|$)"),
}


def connector(
    host: str,
    port: int,
    username: str,
    secret: str,
    *,
    tls: ssl.SSLContext | None = None,
    classes: str = CLASSES,
    wanted: Wanted | None = WANTED,
    timeout: float = 5.0,
    ping_interval: float = 5.0,
) -> Callable[[OnFrames], AmiClient]:
    """How a bridge gets its connections: each call makes a new client, connected and logged in for events."""

    def connect(on_frames: OnFrames) -> AmiClient:
        client = AmiClient(on_frames=on_frames, wanted=wanted, tls=tls, timeout=timeout, ping_interval=ping_interval)
        try:
            client.connect(host, port)
            client.login(username, secret, classes)
        except BaseException:
            client.close()
            raise
        return client

    return connect
