"""What an Asterisk says of itself when it is asked, and what its books look like.

Nothing is tried out: `ListCommands`, which every AMI user may ask, lists just those actions that the asker may use, each
with the classes that permit it, and only those of loaded modules. So rights are read, not probed. One thing is written:
the empty global variable ECHO, whose VarSet event proves the way from the switch's core to our ears.
"""

from __future__ import annotations

import csv
import io
import os
import re
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from telephony.ami.client import AmiClient, AmiError, AuthRefused
from telephony.ami.frames import Frame
from telephony.ami.listening import CLASSES
from telephony.ami.switch import CONTEXTS, PARKED, Login

ECHO = "CRM_RINGBACK_DOCTOR"
ECHO_SECONDS = 2.0
_TAIL = 1 << 16  # bytes of the CEL file that are looked at

_SAFE_NAME = re.compile(r"[A-Za-z0-9_./@-]{1,100}")  # may stand in a function's brackets

Rights = Mapping[str, frozenset[str]]  # the actions that a login may use; the classes each of which permits it


@dataclass(frozen=True, slots=True)
class Told:
    """What a switch said. Empty or None: it could not be asked."""

    no_events: str = ""  # why this login got nowhere
    no_commands: str = ""
    version: str = ""
    calls: int = 0  # processed since it started
    uptime: int | None = None  # seconds, from FullyBooted, which only class "system" hears
    skew: float | None = None  # seconds by which its clock is ahead of ours
    doubt: float = 0.0  # seconds by which the skew may be wrong
    events_may: Rights = field(default_factory=dict)
    commands_may: Rights = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)  # answers of Getvar, by function
    no_context: str = ""  # what it said when it did not find the context of click-to-call
    lacks: frozenset[str] = frozenset()  # contexts that phones need, and the dial plan has not
    echo_asked: bool = False
    echo: Frame | None = None


@dataclass(frozen=True, slots=True)
class CelFile:
    """The books of Asterisk, as found on this machine."""

    path: Path
    problem: str = ""
    changed_ago: float = 0.0  # seconds
    rows: tuple[tuple[str, ...], ...] = ()  # the last ones
    last_call_ago: float | None = None  # seconds since the last call ended of which events told; None: of none


_KEYS = (
    "AST_CONFIG(manager.conf,general,enabled)",
    "AST_CONFIG(cel.conf,general,enable)",
    "AST_CONFIG(cel.conf,general,events)",
    "AST_CONFIG(cel.conf,general,apps)",
    "AST_CONFIG(logger.conf,general,queue_log)",
    "AST_CONFIG(logger.conf,general,queue_log_to_file)",
    "IFMODULE(cel_custom.so)",
)

# what the buttons of a call in progress, and the test call, need of Asterisk
BUTTON_MODULES = (
    "app_channelredirect app_confbridge app_echo app_exec app_senddtmf res_musiconhold res_parking"
).split()  # fmt: skip
# and a phone in the browser besides
BROWSER_MODULES = (
    "res_http_websocket res_pjsip_transport_websocket res_srtp res_ari_asterisk res_ari_endpoints res_sorcery_memory"
).split()  # fmt: skip


def is_loaded(module: str) -> str:
    """The function that tells it, where func_module is loaded."""
    return f"IFMODULE({module}.so)"


def ask(
    host: str,
    port: int,
    events: Login,
    commands: Login,
    *,
    trunks: tuple[str, ...],
    context: str,
    phone_context: str = "",
    tls: ssl.SSLContext | None = None,
    timeout: float = 5.0,
) -> Told:
    """Never raises for what a switch does or is. `phone_context`: where phones in the browser dial, if there are any."""
    heard = _Heard()
    told: dict[str, object] = {}
    listener = AmiClient(on_frames=heard.take, tls=tls, timeout=timeout)
    speaker = AmiClient(tls=tls, timeout=timeout)
    with closing(listener), closing(speaker):
        try:
            listener.connect(host, port)
            listener.login(events.username, events.secret, CLASSES)
            told |= _ask_as_listener(listener, events.username, trunks, context, phone_context)
        except (AmiError, OSError) as error:
            told["no_events"] = _why(error, tls is not None)
        try:
            speaker.connect(host, port)
            speaker.login(commands.username, commands.secret, "off")
            told["commands_may"] = may = _rights(speaker)
            if "no_events" not in told and "Setvar" in may:
                speaker.send_action({"Action": "Setvar", "Variable": ECHO, "Value": ""})
                told["echo_asked"] = True
        except (AmiError, OSError) as error:
            told["no_commands"] = _why(error, tls is not None)
        if told.get("echo_asked"):
            heard.echoed.wait(ECHO_SECONDS)
    return Told(**told, uptime=heard.uptime, echo=heard.echo)  # type: ignore[arg-type]


class _Heard:
    """Of all events, the two that matter."""

    def __init__(self) -> None:
        self.uptime: int | None = None
        self.echo: Frame | None = None
        self.echoed = threading.Event()

    def take(self, raws: list[bytes]) -> None:
        for frame in map(Frame, raws):
            if frame.name == "FullyBooted":
                self.uptime = _number(frame.get("Uptime"))
            elif frame.name == "VarSet" and frame.get("Variable") == ECHO:
                self.echo = frame
                self.echoed.set()


def _ask_as_listener(
    client: AmiClient, username: str, trunks: tuple[str, ...], context: str, phone_context: str
) -> dict[str, object]:
    may = _rights(client)
    told: dict[str, object] = {"events_may": may}
    before = time.time()
    pong = client.send_action({"Action": "Ping"})
    after = time.time()
    with suppress(ValueError):
        told |= {
            "skew": float(pong.frame.get("Timestamp", "")) - (before + after) / 2,
            "doubt": (after - before) / 2,
        }
    if "CoreSettings" in may:
        told["version"] = client.send_action({"Action": "CoreSettings"}).frame.get("AsteriskVersion", "")
    if "CoreStatus" in may:
        told["calls"] = _number(client.send_action({"Action": "CoreStatus"}).frame.get("CoreProcessedCalls")) or 0
    if "ShowDialPlan" in may:
        told["no_context"] = _why_no_context(client, context)
        needed = filter(None, (*CONTEXTS, PARKED, phone_context))
        told["lacks"] = frozenset(name for name in needed if _why_no_context(client, name))
    if "Getvar" in may:
        keys = (*_KEYS, *map(is_loaded, BUTTON_MODULES), *filter(None, (own_read(username), *map(trunk_state, trunks))))
        told["values"] = {key: _value(client, key) for key in keys}
    return told


def _why_no_context(client: AmiClient, context: str) -> str:
    shown = client.send_action({"Action": "ShowDialPlan", "Context": context})
    return "" if shown.ok else shown.text


def own_read(username: str) -> str:
    return f"AST_CONFIG(manager.conf,{username},read)" if _SAFE_NAME.fullmatch(username) else ""


def trunk_state(trunk: str) -> str:
    return f"DEVICE_STATE({trunk})" if _SAFE_NAME.fullmatch(trunk) else ""


def _value(client: AmiClient, function: str) -> str:
    """Empty where the function's module is not loaded: Asterisk makes no difference."""
    return client.send_action({"Action": "Getvar", "Variable": function}).frame.get("Value", "").strip()


def _rights(client: AmiClient) -> Rights:
    frame = client.send_action({"Action": "ListCommands"}).frame
    described = ((name, re.search(r"\(Priv: ([^)]*)\)\s*$", frame.get(name, ""))) for name in frame)
    return {name: frozenset(found[1].split(",")) - {"all", "<none>"} for name, found in described if found}


def _why(error: Exception, tls: bool) -> str:
    """In the words of somebody who will mend it."""
    cause = error.__cause__ or error
    if isinstance(error, AuthRefused):
        return f"the log-in is refused ({error}): wrong user or secret, or this machine is not in its permit line"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS on this port"
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens on this port"
    silent = isinstance(cause, TimeoutError) or "closed before the greeting" in str(cause)
    if silent and not tls:
        return "no AMI greeting came: a wrong host or port, a firewall, or a port that expects TLS"
    return str(error)


def look_at_cel(path: Path) -> CelFile:
    try:
        with path.open("rb") as file:
            age = time.time() - os.fstat(file.fileno()).st_mtime
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            tail = file.read().decode("utf-8", "replace")
    except OSError as error:
        return CelFile(path, problem=error.strerror or str(error))
    whole = tail if size <= _TAIL else tail.partition("\n")[2]  # the first line may be cut
    rows = tuple(tuple(row) for row in csv.reader(io.StringIO(whole.replace("\0", "")), strict=False) if row)
    return CelFile(path, changed_ago=age, rows=rows[-50:])


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
