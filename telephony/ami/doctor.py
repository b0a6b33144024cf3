"""Is this Asterisk configured as Ringback needs it? `telephony.ami.interview.ask` asks, `examine` decides: each fault with
the lines that mend it."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from telephony.ami.interview import (
    BROWSER_MODULES,
    BUTTON_MODULES,
    CelFile,
    Rights,
    Told,
    is_loaded,
    own_read,
    trunk_state,
)
from telephony.ami.switch import CONTEXTS, PARKED
from telephony.books.records import cel_record

MAX_SKEW = 2.0  # seconds
SAFE = {18: (18, 24, 2), 20: (20, 9, 2), 21: (21, 4, 2)}  # CVE-2024-42365: "originate" could rewrite the dialplan
ALWAYS_SAFE = 22

EVENTS_READ = "read = call,agent,cdr,system,dialplan,user"
EVENTS_WRITE = "write = reporting"
COMMANDS_WRITE = "write = originate,call,agent,reporting"
TIMESTAMPS = "timestampevents = yes"
VARSET_FILTER = (
    "eventfilter(action(include),name(VarSet),header(Variable),method(regex)) = "
    "^(_*CRM_.*|REC_FILE|VM_MESSAGEFILE|VMSTATUS|DIALSTATUS|QUEUESTATUS)$"
)
CEL_EVENTS = (
    "CHAN_START,CHAN_END,ANSWER,HANGUP,BRIDGE_ENTER,BRIDGE_EXIT,APP_START,APP_END,BLINDTRANSFER,"
    "ATTENDEDTRANSFER,PARK_START,PARK_END,PICKUP,LOCAL_OPTIMIZE,USER_DEFINED,LINKEDID_END"
)
CEL_APPS = "dial,queue,voicemail,confbridge,chanspy"
CEL_COLUMNS = (
    "${eventtype} ${eventtime} ${CHANNEL(uniqueid)} ${CHANNEL(linkedid)} ${CHANNEL(channame)} ${CALLERID(num)} "
    "${CALLERID(name)} ${CHANNEL(exten)} ${CHANNEL(context)} ${CHANNEL(appname)} ${CHANNEL(appdata)} ${CHANNEL(peer)} "
    "${eventextra} ${userdeftype}"
).split()
CEL_MAPPING = "ringback.csv => " + ",".join(f"${{CSV_QUOTE({column})}}" for column in CEL_COLUMNS)
_LINKEDID = CEL_COLUMNS.index("${CHANNEL(linkedid)}")


class Level(StrEnum):
    FAULT = "fault"
    LOOK = "look"  # not known, or a matter of judgement: for people to look at
    WELL = "well"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    code: str
    said: str
    mend: str = ""


def examine(
    told: Told,
    *,
    trunks: tuple[str, ...],
    context: str,
    username: str,
    tls: bool,
    cel: CelFile | None = None,
    phone_context: str = "",
    modules: frozenset[str] | None = None,
) -> list[Finding]:
    """`username` is the one of the events login; `cel` what was found where the settings say that it is; `phone_context`
    where phones in the browser dial; `modules` those that run, as ARI tells them, where there are such phones."""
    findings = [*_logins(told, tls)]
    if not told.no_events:
        findings += _version(told.version)
        findings += _events_rights(told)
        findings += _events_arrive(told, username)
        findings += _clock(told)
        findings += _modules(told, trunks)
        findings += _trunks(told, trunks)
        findings += _context(told, context)
        findings += _buttons(told)
        findings += _parking(told, modules)
        findings += _phone_context(told, phone_context)
        findings += _phone_modules(told, modules)
        findings += _cel(told, cel)
        findings += _queue_log(told)
        findings += _unseen(told)
    if not told.no_commands:
        findings += _commands_rights(told)
    return findings


def _fault(code: str, said: str, *mend: str) -> Finding:
    return Finding(Level.FAULT, code, said, "\n".join(mend))


def _look(code: str, said: str, *mend: str) -> Finding:
    return Finding(Level.LOOK, code, said, "\n".join(mend))


def _well(code: str, said: str) -> Finding:
    return Finding(Level.WELL, code, said)


def _logins(told: Told, tls: bool) -> Iterator[Finding]:
    for code, why, role in (
        ("events-login", told.no_events, "events"),
        ("commands-login", told.no_commands, "commands"),
    ):
        if not why:
            yield _well(code, f"The {role} user can log in.")
        elif "refused" in why:
            section = f"[ringback-{role}]"
            yield _fault(code, f"The {role} user: {why}.", f"in manager.conf, {section} (then: manager reload):",
                         f"  secret = the one in {role}_secret of the switches file",
                         "  permit = the address of this machine/255.255.255.255")  # fmt: skip
        elif "TLS" in why:
            yield _fault(code, f"The {role} user: {why}.", "in the switches file, for a port that speaks TLS (5039):",
                         "  tls = false" if tls else "  tls = true")  # fmt: skip
        else:
            yield _fault(code, f"The {role} user cannot connect: {why}.", "in manager.conf, [general]:",
                         "  enabled = yes", "  bindaddr = the address on which this machine reaches it")  # fmt: skip


def _version(version: str) -> Iterator[Finding]:
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?(?![\w-]*-cert)", version)
    if not found:
        yield _look("version", f"The version {version or '(not told)'} cannot be judged.",
                    "safe are 18.24.2, 20.9.2, 21.4.2, all of 22, and what your distribution has patched;",
                    "look by hand: asterisk -rx 'core show version'")  # fmt: skip
        return
    number = tuple(int(part or 0) for part in found.groups())
    if number[0] >= ALWAYS_SAFE or number >= SAFE.get(number[0], (ALWAYS_SAFE,)):
        yield _well("version", f"Asterisk {version} is safe.")
    else:
        safe = SAFE.get(number[0])
        better = ".".join(map(str, safe)) if safe else str(ALWAYS_SAFE)
        yield _fault("version", f"Asterisk {version} lets who may place calls rewrite the dialplan (CVE-2024-42365).",
                     f"update Asterisk to {better} or newer")  # fmt: skip


def _granted(may: Rights) -> frozenset[str]:
    """The write classes of a login: those that alone permit an action which it may use."""
    return frozenset(name for classes in may.values() if len(classes) == 1 for name in classes)


def _events_rights(told: Told) -> Iterator[Finding]:
    missing = [action for action in ("CoreStatus", "CoreShowChannels") if action not in told.events_may]
    excess = _granted(told.events_may) - {"reporting"}
    if missing:
        yield _fault("events-write", f"The events user may not ask {' and '.join(missing)}: after a lost connection "
                     "nobody knows which calls are alive.", "in manager.conf, [ringback-events]:",
                     f"  {EVENTS_WRITE}")  # fmt: skip
    if excess:
        yield _fault("events-excess", f"The events user may do more than listen: {_listed(excess)}.",
                     "in manager.conf, [ringback-events]:", f"  {EVENTS_WRITE}")  # fmt: skip
    if not missing and not excess:
        yield _well("events-write", "The events user may ask what is alive, and nothing else.")


def _commands_rights(told: Told) -> Iterator[Finding]:
    needed = {"Originate": "originate", "Hangup": "call"}
    if "QueueStatus" in told.commands_may:
        needed["QueuePause"] = "agent"
    missing = {right for action, right in needed.items() if action not in told.commands_may}
    excess = _granted(told.commands_may) - {"originate", "call", "agent", "reporting"}
    if missing:
        yield _fault("commands-write", f"The commands user lacks {_listed(missing)}.",
                     "in manager.conf, [ringback-commands]:", f"  {COMMANDS_WRITE}")  # fmt: skip
    if excess:
        yield _fault("commands-excess", f"The commands user may do more than it needs: {_listed(excess)}.",
                     "in manager.conf, [ringback-commands]:", f"  {COMMANDS_WRITE}")  # fmt: skip
    if not missing and not excess:
        yield _well("commands-write", "The commands user may place calls, end them and pause, and nothing else.")


def _events_arrive(told: Told, username: str) -> Iterator[Finding]:
    read = told.values.get(own_read(username), "")
    needed = set(EVENTS_READ.partition("= ")[2].split(","))
    lacking = needed - set(re.split(r"[,\s]+", read)) if read and read != "all" else set()
    if told.uptime is None:
        lacking.add("system")
    if lacking:
        yield _fault("events-read", f"The events user does not hear {_listed(lacking)}.",
                     "in manager.conf, [ringback-events]:", f"  {EVENTS_READ}")  # fmt: skip
    elif not read:
        yield _look("events-read", "Whether the events user hears call, agent, cdr and user cannot be seen.",
                    "look by hand; manager.conf, [ringback-events] must have:", f"  {EVENTS_READ}")  # fmt: skip
    else:
        yield _well("events-read", "The events user reads all classes that are needed.")
    if told.echo is not None:
        yield _well("echo", "An event made for the purpose arrived.")
        if told.echo.get("Timestamp"):
            yield _well("timestamps", "Events have the switch's time.")
        else:
            yield _fault("timestamps", "Events come without the switch's time: order and durations are guesses.",
                         "in manager.conf, [general]:", f"  {TIMESTAMPS}")  # fmt: skip
    elif told.echo_asked:
        yield _fault("echo", "An event made for the purpose did not arrive: class dialplan or its filter is missing.",
                     "in manager.conf, [ringback-events]:", f"  {EVENTS_READ}", f"  {VARSET_FILTER}")  # fmt: skip
    else:
        yield _look("timestamps", "Whether events arrive, and with the switch's time, cannot be seen without a "
                    "commands user of class call.", "manager.conf, [general] must have:", f"  {TIMESTAMPS}")  # fmt: skip


def _clock(told: Told) -> Iterator[Finding]:
    if told.skew is None:
        yield _look("clock", "The switch does not tell its time.", "compare by hand: date, on both machines")
    elif abs(told.skew) > MAX_SKEW + told.doubt:
        way = "ahead of" if told.skew > 0 else "behind"
        yield _fault("clock", f"The switch's clock is {abs(told.skew):.1f} s {way} ours.",
                     "run a time service (chrony, systemd-timesyncd) on both machines")  # fmt: skip
    else:
        yield _well("clock", "The clocks agree.")


def _modules(told: Told, trunks: tuple[str, ...]) -> Iterator[Finding]:
    if "QueueStatus" not in told.events_may:
        yield _look("app_queue", "Asterisk has no queues.", "if there should be some, in modules.conf:",
                    "  load => app_queue.so")  # fmt: skip
    by_sip = any(trunk.startswith("PJSIP/") for trunk in trunks)
    if by_sip and "CoreStatus" in told.events_may and "PJSIPQualify" not in told.events_may:
        yield _fault("res_pjsip", "The trunks are PJSIP's, but PJSIP is not loaded.", "in modules.conf:",
                     "  load => res_pjsip.so", "  load => chan_pjsip.so")  # fmt: skip


def _trunks(told: Told, trunks: tuple[str, ...]) -> Iterator[Finding]:
    for trunk in trunks:
        state = told.values.get(trunk_state(trunk), "")
        if state == "INVALID":
            yield _fault(f"trunk {trunk}", f"The trunk {trunk} does not exist: its calls would be nobody's.",
                         "in the switches file, as in pjsip.conf:", '  trunks = ["PJSIP/name-of-the-endpoint"]')  # fmt: skip
        elif state:
            yield _well(f"trunk {trunk}", f"The trunk {trunk} exists.")
        else:
            yield _look(f"trunk {trunk}", f"Whether the trunk {trunk} exists cannot be seen.",
                        "in modules.conf: load => func_devstate.so",
                        "or look by hand: asterisk -rx 'pjsip show endpoints'")  # fmt: skip


def _context(told: Told, context: str) -> Iterator[Finding]:
    if "ShowDialPlan" not in told.events_may:
        return
    if told.no_context:
        yield _fault("context", f"Click-to-call would fail: {told.no_context}.", "in extensions.conf:",
                     f"  [{context}]", "  exten => _+X.,1,Dial(PJSIP/${EXTEN}@trunk,30)")  # fmt: skip
    else:
        yield _well("context", f"The context {context} for click-to-call exists.")


PHONES_CONF = "#include ringback-phones.conf"
PARKING_LOT = ("[default]", "parkext = 700", "parkpos = 701-750", f"context = {PARKED}")
_NEEDED_FOR = {
    "app_channelredirect": "whoever waits while their agent is gone",
    "app_confbridge": "three-way calls and handing over",
    "app_echo": "the test call",
    "app_exec": "the dial plan of the buttons",
    "app_senddtmf": "the keypad",
    "res_musiconhold": "hold",
    "res_parking": "parking",
    "res_http_websocket": "phones in the browser",
    "res_pjsip_transport_websocket": "phones in the browser",
    "res_srtp": "the sound of phones in the browser",
    "res_ari_asterisk": "the accounts of phones in the browser",
    "res_ari_endpoints": "finding pages that are gone",
    "res_sorcery_memory": "the accounts of phones in the browser",
}
# an action of the module, and one of the core that the same login may use if it may use that
_SHOWN_BY = {
    "app_confbridge": ("ConfbridgeListRooms", "CoreStatus"),
    "app_senddtmf": ("PlayDTMF", "Setvar"),
    "res_parking": ("ParkedCalls", "Setvar"),
}


def _buttons(told: Told) -> Iterator[Finding]:
    if "ShowDialPlan" not in told.events_may:
        yield _look("buttons", "Whether the dial plan has what hold, transfer and the test call need cannot be seen.",
                    f"in extensions.conf: {PHONES_CONF}",
                    f"look by hand: asterisk -rx 'dialplan show {CONTEXTS[0]}'")  # fmt: skip
    elif missing := [name for name in CONTEXTS if name in told.lacks]:
        yield _fault("buttons", f"The dial plan lacks {', '.join(f'[{name}]' for name in missing)}: hold, asking first, "
                     "three-way, transfer, the test call, calling the customer first, or giving back the call of a page "
                     "that is gone, would fail.",
                     "copy config/asterisk/ringback-phones.conf beside extensions.conf, again where it is older;",
                     "in extensions.conf (then: dialplan reload):", f"  {PHONES_CONF}")  # fmt: skip
    else:
        yield _well("buttons", "The dial plan has what hold, transfer and the test call need.")


def _parking(told: Told, running: frozenset[str] | None) -> Iterator[Finding]:
    if _runs(told, "res_parking", running) is False:
        yield _fault("parking", "Nobody can be parked: res_parking is not loaded.", "in modules.conf:",
                     "  load => res_parking.so", "in res_parking.conf:", *(f"  {line}" for line in PARKING_LOT))  # fmt: skip
    elif PARKED in told.lacks:
        yield _fault("parking", f"Who is parked could not be fetched: no parking lot has the context {PARKED}.",
                     "in res_parking.conf (then: module reload res_parking.so):",
                     *(f"  {line}" for line in PARKING_LOT))  # fmt: skip
    elif "ShowDialPlan" in told.events_may:
        yield _well("parking", "Customers can be parked, and fetched.")


def _phone_context(told: Told, context: str) -> Iterator[Finding]:
    """Where phones in the browser dial."""
    if not context or "ShowDialPlan" not in told.events_may:
        return
    if context in told.lacks:
        yield _fault("phone-context", f"Phones in the browser could dial nobody: there is no context {context}.",
                     "in the switches file: phone_context = that of your other phones; or in extensions.conf:",
                     f"  [{context}]", f"  include => {PARKED}", "  include => ringback-outbound")  # fmt: skip
    else:
        yield _well("phone-context", f"The context {context}, where phones in the browser dial, exists.")


def _phone_modules(told: Told, running: frozenset[str] | None) -> Iterator[Finding]:
    needed = [name for name in BUTTON_MODULES if name != "res_parking"]
    needed += BROWSER_MODULES if running is not None else []
    judged = {name: _runs(told, name, running) for name in needed}
    missing = [name for name, runs in judged.items() if runs is False]
    unknown = [name for name, runs in judged.items() if runs is None]
    if missing:
        reasons = ", ".join(f"{name} (for {_NEEDED_FOR[name]})" for name in missing)
        yield _fault("phone-modules", f"Not loaded: {reasons}.", "in modules.conf (then: core restart gracefully):",
                     *(f"  load => {name}.so" for name in missing))  # fmt: skip
    elif unknown:
        yield _look("phone-modules", f"Whether {', '.join(unknown)} are loaded cannot be seen.",
                    "look by hand: asterisk -rx 'module show like app_echo', and so on",
                    "or, in modules.conf: load => func_module.so")  # fmt: skip
    else:
        yield _well("phone-modules", "The modules that phones and their buttons need are loaded.")


def _runs(told: Told, module: str, running: frozenset[str] | None) -> bool | None:
    if running is not None:
        return module in running
    if value := told.values.get(is_loaded(module)):
        return value == "1"
    action, witness = _SHOWN_BY.get(module, ("", ""))
    may = {**told.events_may, **told.commands_may}
    return action in may if witness in may else None


_LATE = 300.0  # seconds by which clocks may differ
_CEL_CONF = ("in cel.conf, [general]:", "  enable = yes", f"  apps = {CEL_APPS}", f"  events = {CEL_EVENTS}",
             "  dateformat = %s.%6q")  # fmt: skip
_CEL_CUSTOM = ("in modules.conf: load => cel_custom.so", "in cel_custom.conf, [mappings]:", f"  {CEL_MAPPING}")


def _cel(told: Told, cel: CelFile | None) -> Iterator[Finding]:
    """The books by which calls are made whole that passed while nobody listened."""
    loaded = told.values.get("IFMODULE(cel_custom.so)", "")
    if loaded == "0":
        yield _fault("cel_custom", "cel_custom is not loaded: nothing tells of calls while nobody listens.",
                     *_CEL_CUSTOM)  # fmt: skip
    yield from _cel_conf(told)
    if cel is not None:
        yield _cel_file(told, cel)
    elif loaded == "1":
        yield _well("cel_custom", "cel_custom is loaded.")
    elif not loaded:
        yield _look("cel_custom", "Whether Asterisk writes its books (CEL) cannot be seen: asking costs the class "
                    "system, which these users must not have.",
                    "look by hand: asterisk -rx 'cel show status' and asterisk -rx 'module show like cel_custom'",
                    "or, in modules.conf: load => func_module.so", *_CEL_CUSTOM, *_CEL_CONF)  # fmt: skip


def _cel_conf(told: Told) -> Iterator[Finding]:
    if not _reads_configuration(told):
        return
    enabled, events, apps = (
        told.values.get(f"AST_CONFIG(cel.conf,general,{key})", "") for key in ("enable", "events", "apps")
    )
    have = {name.strip().upper() for name in events.split(",")}
    missing = [name for name in CEL_EVENTS.split(",") if name not in have and "ALL" not in have]
    unnamed = set(CEL_APPS.split(",")) - {name.strip().lower() for name in apps.split(",")}
    if enabled.lower() not in ("yes", "true", "on", "1", "y", "t"):
        yield _fault("cel", "CEL is not enabled.", *_CEL_CONF)
    elif missing:
        yield _fault("cel", f"CEL lacks the events {', '.join(missing)}.", *_CEL_CONF)
    elif unnamed:  # "all" does not do: it brought no APP_START
        yield _fault("cel", f"CEL does not name the applications {_listed(unnamed)}.", *_CEL_CONF)
    else:
        yield _well("cel", "CEL is enabled, with all events and applications.")


def _cel_file(told: Told, cel: CelFile) -> Finding:
    if cel.problem and (told.calls or cel.problem != os.strerror(2)):
        return _fault("cel_file", f"{cel.path} cannot be read: {cel.problem}.",
                      "in the switches file: books = Asterisk's log directory as this program sees it, readable for it",
                      *_CEL_CUSTOM)  # fmt: skip
    if cel.rows and not any(_is_cel(row) for row in cel.rows):
        return _fault("cel_file", f"{cel.path} has other columns than Ringback reads.", *_CEL_CUSTOM)
    if cel.rows and not any(_is_read(row) for row in cel.rows):
        return _fault("cel_file", f"{cel.path} has times or events that Ringback does not read.", *_CEL_CONF)
    if cel.last_call_ago is not None and cel.changed_ago > cel.last_call_ago + _LATE:
        return _fault("cel_file", f"The last call is not in {cel.path}: nothing was written since.",
                      *_CEL_CUSTOM, *_CEL_CONF)  # fmt: skip
    if told.calls and told.uptime is not None and (not cel.rows or cel.changed_ago > told.uptime):
        return _fault("cel_file", f"Asterisk has had {told.calls} calls since it started, and wrote none of them into "
                      f"{cel.path}.", *_CEL_CUSTOM, *_CEL_CONF)  # fmt: skip
    if not told.calls:
        return _look("cel_file", f"No call yet since Asterisk started: whether {cel.path} is written is not proved.",
                     "make a call, and ask again")  # fmt: skip
    return _well("cel_file", f"{cel.path} is being written.")


def _is_cel(row: tuple[str, ...]) -> bool:
    return (
        len(row) == len(CEL_COLUMNS)
        and re.fullmatch(r"[A-Z_]{3,40}", row[0]) is not None
        and re.fullmatch(r"[^\s/]{1,150}", row[_LINKEDID]) is not None  # a channel's name would have a slash
    )


def _is_read(row: tuple[str, ...]) -> bool:
    """By the reader's own judgement."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(row)
    return cel_record(line.getvalue().encode()) is not None


def _queue_log(told: Told) -> Iterator[Finding]:
    if not _reads_configuration(told) or "QueueStatus" not in told.events_may:
        return
    lines = ("in logger.conf, [general]:", "  queue_log = yes", "  queue_log_to_file = yes")
    if told.values.get("AST_CONFIG(logger.conf,general,queue_log)", "") == "no":
        yield _fault("queue_log", "The queue log is switched off.", *lines)
    elif told.values.get("AST_CONFIG(logger.conf,general,queue_log_to_file)", "") != "yes":
        yield _look("queue_log", "The queue log is a file only as long as no database takes it.", *lines)
    else:
        yield _well("queue_log", "The queue log is a file.")


def _unseen(told: Told) -> Iterator[Finding]:
    if _reads_configuration(told):
        yield _look("secrets", "func_config is loaded: by Getvar and AST_CONFIG every AMI user of class call or "
                    "reporting can read all of Asterisk's configuration, secrets included.",
                    "unless your dialplan needs it, in modules.conf:", "  noload => func_config.so")  # fmt: skip
    else:
        yield _look("unseen", "cel.conf, logger.conf and the users' own lines cannot be read with these rights, which "
                    "is as it should be.", "look by hand: writetimeout = 5000 for each AMI user (the default of 100 ms "
                    "cuts off a client that is busy for a moment); queue_log_to_file = yes in logger.conf")  # fmt: skip


def _reads_configuration(told: Told) -> bool:
    return bool(told.values.get("AST_CONFIG(manager.conf,general,enabled)"))


def _listed(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(names))
