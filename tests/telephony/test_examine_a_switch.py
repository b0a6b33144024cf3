"""`ringback doctor` at a switch: one fault at a time, each with the lines that mend it."""

from __future__ import annotations

import os
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config import settings
from telephony.ami import doctor, interview
from telephony.ami.doctor import Finding, Level, examine
from telephony.ami.interview import BROWSER_MODULES, BUTTON_MODULES, CelFile, Told, ask, is_loaded, look_at_cel
from telephony.ami.switch import CONTEXTS, Login
from telephony.fake.asterisk import FakeAsterisk, FakeUser

TRUNKS = ("PJSIP/trunk",)
CONTEXT = "ringback-outbound"
LISTENS = ("CoreStatus", "CoreShowChannels", "CoreSettings", "QueueStatus", "Getvar", "ShowDialPlan", "PJSIPQualify",
           "ConfbridgeListRooms")  # fmt: skip
SPEAKS = (*LISTENS, "Originate", "Hangup", "Redirect", "Setvar", "PlayDTMF", "ParkedCalls", "QueuePause")
CEL_EVENTS = doctor.CEL_EVENTS
READABLE = {
    "AST_CONFIG(manager.conf,general,enabled)": "yes",
    "AST_CONFIG(manager.conf,ringback-events,read)": "call,agent,cdr,system,dialplan,user",
    "AST_CONFIG(cel.conf,general,enable)": "yes",
    "AST_CONFIG(cel.conf,general,events)": CEL_EVENTS,
    "AST_CONFIG(cel.conf,general,apps)": doctor.CEL_APPS,
    "AST_CONFIG(logger.conf,general,queue_log_to_file)": "yes",
    "IFMODULE(cel_custom.so)": "1",
}


@pytest.fixture
def pbx():
    users = {"ringback-events": FakeUser("hears", LISTENS), "ringback-commands": FakeUser("speaks", SPEAKS)}
    with FakeAsterisk(users) as pbx:
        pbx.functions = {"DEVICE_STATE(PJSIP/trunk)": "NOT_INUSE"}
        yield pbx


def told_by(pbx: FakeAsterisk, secret: str = "hears", **more: object) -> Told:
    login, speaks = Login("ringback-events", secret), Login("ringback-commands", "speaks")
    options = {"trunks": TRUNKS, "context": CONTEXT, "timeout": 2.0} | more
    return ask(pbx.host, pbx.port, login, speaks, **options)


def about(told: Told, *, tls: bool = False, **more: Any) -> list[Finding]:
    return examine(told, trunks=TRUNKS, context=CONTEXT, username="ringback-events", tls=tls, **more)


def findings(told: Told, cel: CelFile | None = None, tls: bool = False) -> dict[str, Finding]:
    return {finding.code: finding for finding in about(told, cel=cel, tls=tls)}


def faults(pbx: FakeAsterisk, **more: object) -> dict[str, str]:
    return {code: each.mend for code, each in findings(told_by(pbx, **more)).items() if each.level is Level.FAULT}


def test_a_well_configured_switch_has_no_fault_and_nothing_is_dialled(pbx):
    found = findings(told_by(pbx))
    assert {each.level for each in found.values()} == {Level.WELL, Level.LOOK}
    assert found["echo"].level is found["timestamps"].level is found["trunk PJSIP/trunk"].level is Level.WELL
    assert not pbx.asked("Originate")
    assert [asked["Variable"] for asked in pbx.asked("Setvar")] == [interview.ECHO]


def test_what_cannot_be_seen_with_few_rights_is_told_with_how_to_look(pbx):
    found = findings(told_by(pbx))
    assert found["cel_custom"].level is Level.LOOK
    assert "cel show status" in found["cel_custom"].mend
    assert "writetimeout = 5000" in found["unseen"].mend


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    told = ask("127.0.0.1", port, Login("a", "b"), Login("c", "d"), trunks=TRUNKS, context=CONTEXT, timeout=2.0)
    found = findings(told)
    assert "nobody listens" in found["events-login"].said
    assert {each.level for each in found.values()} == {Level.FAULT}


def test_a_wrong_secret(pbx):
    mend = faults(pbx, secret="wrong")
    assert [*mend] == ["events-login"]
    assert "events_secret" in mend["events-login"]


def test_a_port_that_speaks_no_tls(pbx):
    told = told_by(pbx, tls=ssl.create_default_context())
    assert findings(told, tls=True)["events-login"].mend.endswith("tls = false")


def test_a_port_that_expects_tls():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = ask("127.0.0.1", port, Login("a", "b"), Login("c", "d"), trunks=TRUNKS, context=CONTEXT, timeout=0.2)
    assert findings(told)["events-login"].mend.endswith("tls = true")


@pytest.mark.parametrize("version", ["18.24.1", "19.8.1", "20.9.1", "21.4.1", "16.30.0"])
def test_an_asterisk_of_which_a_dialler_could_take_hold(pbx, version):
    pbx.version = version
    assert [*faults(pbx)] == ["version"]


@pytest.mark.parametrize("version", ["18.24.2", "20.9.2~dfsg-1", "21.4.2", "22.0.0", "22.10.1+dfsg+~cs6"])
def test_a_safe_asterisk(pbx, version):
    pbx.version = version
    assert not faults(pbx)


@pytest.mark.parametrize("version", ["", "GIT-master-12ab", "18.9-cert11", "certified/20.7-cert2"])
def test_a_version_that_says_nothing_is_not_called_safe(pbx, version):
    pbx.version = version
    assert findings(told_by(pbx))["version"].level is Level.LOOK


@pytest.mark.parametrize(
    ("action", "right"),
    [("Command", "command"), ("ModuleLoad", "system"), ("UpdateConfig", "config"), ("Originate", "originate"),
     ("Redirect", "call"), ("UserEvent", "user")],
)  # fmt: skip
def test_an_events_user_who_may_do_more_than_listen(pbx, action, right):
    pbx.users["ringback-events"] = FakeUser("hears", (*LISTENS, action))
    found = findings(told_by(pbx))["events-excess"]
    assert found.level is Level.FAULT and found.said.endswith(f": {right}.")
    assert found.mend.endswith("write = reporting")
    assert not pbx.asked(action)


def test_an_events_user_who_may_do_everything(pbx):
    pbx.users["ringback-events"] = FakeUser("hears")
    assert [*faults(pbx)] == ["events-excess"]


def test_an_events_user_who_may_not_ask_what_is_alive(pbx):
    pbx.users["ringback-events"] = FakeUser("hears", ())
    assert "write = reporting" in faults(pbx)["events-write"]


@pytest.mark.parametrize(("action", "right"), [("Originate", "originate"), ("Hangup", "call"), ("QueuePause", "agent")])
def test_a_commands_user_who_lacks_a_right(pbx, action, right):
    pbx.users["ringback-commands"] = FakeUser("speaks", {*SPEAKS} - {action})
    found = findings(told_by(pbx))["commands-write"]
    assert found.level is Level.FAULT and found.said.endswith(f"lacks {right}.")
    assert found.mend.endswith("write = originate,call,agent,reporting")


def test_a_commands_user_who_could_run_programs(pbx):
    pbx.users["ringback-commands"] = FakeUser("speaks", (*SPEAKS, "ModuleLoad"))
    assert [*faults(pbx)] == ["commands-excess"]


def test_an_events_user_who_does_not_hear_that_asterisk_restarted(pbx):
    pbx.users["ringback-events"] = FakeUser("hears", LISTENS, hears={"call", "agent", "cdr", "dialplan", "user"})
    found = findings(told_by(pbx))["events-read"]
    assert found.level is Level.FAULT and found.said.endswith("hear system.")


def test_an_event_that_never_arrives(pbx, monkeypatch):
    monkeypatch.setattr(interview, "ECHO_SECONDS", 0.1)
    pbx.users["ringback-events"] = FakeUser("hears", LISTENS, hears={"call", "agent", "cdr", "system", "user"})
    assert "name(VarSet)" in faults(pbx)["echo"]


def test_without_the_right_to_make_an_event_nothing_is_said_of_events(pbx):
    pbx.users["ringback-commands"] = FakeUser("speaks", {*SPEAKS} - {"Setvar"})
    found = findings(told_by(pbx))
    assert found["timestamps"].level is Level.LOOK
    assert "echo" not in found


def test_events_without_the_switchs_time(pbx):
    pbx.timestamps = False
    assert faults(pbx)["timestamps"].endswith("timestampevents = yes")


@pytest.mark.parametrize(("ahead", "words"), [(90.0, "ahead of ours"), (-90.0, "behind ours")])
def test_a_clock_that_is_wrong(pbx, ahead, words):
    pbx.clock_ahead = ahead
    assert findings(told_by(pbx))["clock"].said.endswith(f"90.0 s {words}.")


def test_a_slow_answer_is_no_wrong_clock():
    assert findings(Told(skew=2.5, doubt=1.0))["clock"].level is Level.WELL


def test_a_trunk_that_does_not_exist(pbx):
    pbx.functions["DEVICE_STATE(PJSIP/trunk)"] = "INVALID"
    assert "trunks = " in faults(pbx)["trunk PJSIP/trunk"]


def test_a_context_that_does_not_exist(pbx):
    pbx.contexts = {"default"}
    assert f"[{CONTEXT}]" in faults(pbx)["context"]


def test_a_dial_plan_without_what_the_buttons_need_or_with_an_older_one(pbx):
    pbx.contexts = {CONTEXT, "parkedcalls"}
    mend = faults(pbx)
    assert [*mend] == ["buttons"] and mend["buttons"].endswith("  #include ringback-phones.conf")
    pbx.contexts |= {"ringback-hold", "ringback-room", "ringback-transfer", "ringback-rescue", "ringback-auto"}
    said = findings(told_by(pbx))["buttons"].said
    assert "[ringback-check]" in said and "[ringback-hold]" not in said
    pbx.contexts |= {"ringback-check", "ringback-agent"}
    assert not faults(pbx)


def test_parking_that_is_not_loaded_or_leads_elsewhere(pbx):
    pbx.absent = {"ParkedCalls"}
    assert "load => res_parking.so" in faults(pbx)["parking"]
    pbx.absent, pbx.contexts = set(), {CONTEXT, *CONTEXTS}
    mend = faults(pbx)
    assert [*mend] == ["parking"] and mend["parking"].endswith("  context = parkedcalls")


def test_where_phones_in_the_browser_dial(pbx):
    def finding() -> Finding:
        told = told_by(pbx, phone_context="from-agents")
        return {each.code: each for each in about(told, phone_context="from-agents")}["phone-context"]

    assert finding().level is Level.WELL
    pbx.contexts = {CONTEXT, "parkedcalls", *CONTEXTS}
    assert finding().level is Level.FAULT and "  [from-agents]" in finding().mend
    assert not faults(pbx)  # where nobody has such a phone


def test_modules_of_the_buttons_are_seen_where_func_module_is_loaded_and_else_by_their_actions(pbx):
    assert findings(told_by(pbx))["phone-modules"].level is Level.LOOK  # app_echo has no action
    pbx.absent = {"PlayDTMF", "ConfbridgeListRooms"}
    mend = faults(pbx)
    assert [*mend] == ["phone-modules"]
    assert "app_senddtmf.so" in mend["phone-modules"] and "app_confbridge.so" in mend["phone-modules"]
    pbx.absent = set()
    pbx.functions |= {is_loaded(name): "1" for name in BUTTON_MODULES}
    assert findings(told_by(pbx))["phone-modules"].level is Level.WELL
    pbx.functions[is_loaded("app_echo")] = "0"
    assert "app_echo (for the test call)" in findings(told_by(pbx))["phone-modules"].said
    assert [*faults(pbx)] == ["phone-modules"]


def test_a_login_without_rights_is_not_told_that_modules_are_missing(pbx):
    pbx.users["ringback-commands"] = FakeUser("speaks", ("Originate",))
    assert "phone-modules" not in faults(pbx)


def test_where_ari_tells_the_modules_nothing_is_left_to_be_looked_at(pbx):
    running = frozenset({*BUTTON_MODULES, *BROWSER_MODULES})
    told = told_by(pbx)
    assert {each.code: each for each in about(told, modules=running)}["phone-modules"].level is Level.WELL
    without = {each.code: each for each in about(told, modules=running - {"res_srtp"})}["phone-modules"]
    assert without.level is Level.FAULT and without.mend.endswith("load => res_srtp.so")


def test_queues_and_phones_that_are_not_loaded(pbx):
    pbx.absent = {"QueueStatus", "QueuePause", "PJSIPQualify"}
    found = findings(told_by(pbx))
    assert found["app_queue"].level is Level.LOOK
    assert found["res_pjsip"].level is Level.FAULT
    assert found["commands-write"].level is Level.WELL  # nobody can be paused where there is no queue


def test_where_the_configuration_can_be_read_it_is_looked_at_and_that_is_told(pbx):
    pbx.functions |= READABLE
    found = findings(told_by(pbx))
    assert found["secrets"].level is Level.LOOK and "noload => func_config.so" in found["secrets"].mend
    assert [found[code].level for code in ("cel", "cel_custom", "queue_log", "events-read")] == [Level.WELL] * 4
    assert not any("secret" in asked["Variable"] for asked in pbx.asked("Getvar"))


@pytest.mark.parametrize(
    ("key", "value", "code", "words"),
    [
        ("AST_CONFIG(cel.conf,general,enable)", "no", "cel", "not enabled"),
        ("AST_CONFIG(cel.conf,general,events)", "CHAN_START,HANGUP", "cel", "BRIDGE_ENTER"),
        ("AST_CONFIG(cel.conf,general,apps)", "all", "cel", "queue"),
        ("IFMODULE(cel_custom.so)", "0", "cel_custom", "not loaded"),
        ("AST_CONFIG(logger.conf,general,queue_log)", "no", "queue_log", "switched off"),
        ("AST_CONFIG(manager.conf,ringback-events,read)", "call,cdr,system,dialplan", "events-read", "agent, user"),
    ],
)
def test_a_fault_in_the_configuration_where_it_can_be_read(pbx, key, value, code, words):
    pbx.functions |= READABLE | {key: value}
    found = findings(told_by(pbx))[code]
    assert found.level is Level.FAULT and words in found.said and found.mend


def books(tmp_path: Path, row: list[str], *, age: float = 0.0) -> CelFile:
    path = tmp_path / "ringback.csv"
    path.write_text(",".join(f'"{value}"' for value in row) + "\n", encoding="utf-8")
    os.utime(path, (time.time() - age, time.time() - age))
    return look_at_cel(path)


ROW = ["CHAN_START", "1795537958.152943", "1.1", "1.1", "PJSIP/trunk-1", "+30", 'Al ""B""', *[""] * 7]
BUSY = Told(calls=3, uptime=600)


def test_books_that_are_written(tmp_path):
    assert findings(BUSY, books(tmp_path, ROW))["cel_file"].level is Level.WELL


def test_books_that_ended_before_asterisk_started(tmp_path):
    found = findings(BUSY, books(tmp_path, ROW, age=3600))["cel_file"]
    assert found.level is Level.FAULT and "3 calls" in found.said


def test_books_of_a_quiet_day_are_no_fault(tmp_path):
    quiet = replace(BUSY, uptime=7 * 86400)
    assert findings(quiet, books(tmp_path, ROW, age=2 * 86400))["cel_file"].level is Level.WELL
    assert findings(replace(BUSY, calls=0), books(tmp_path, ROW, age=9e5))["cel_file"].level is Level.LOOK


@pytest.mark.parametrize("row", [ROW[:3], [*ROW[:3], "PJSIP/trunk-1", "1.1", *ROW[5:]], ["", *ROW[1:]]])
def test_books_in_other_columns(tmp_path, row):
    found = findings(BUSY, books(tmp_path, row))["cel_file"]
    assert found.level is Level.FAULT and "${CHANNEL(linkedid)}" in found.mend


def test_books_with_times_of_another_form(tmp_path):
    found = findings(BUSY, books(tmp_path, [ROW[0], "2026-11-23 10:00:00", *ROW[2:]]))["cel_file"]
    assert found.level is Level.FAULT and "dateformat = %s.%6q" in found.mend


def test_books_that_stopped_while_asterisk_ran_on(tmp_path):
    told = replace(BUSY, uptime=7 * 86400)
    stopped = replace(books(tmp_path, ROW, age=86400), last_call_ago=3600.0)
    assert findings(told, stopped)["cel_file"].level is Level.FAULT
    assert findings(told, replace(stopped, last_call_ago=86400.0))["cel_file"].level is Level.WELL


def test_books_that_may_not_be_read_are_named_as_the_switches_file_does(tmp_path):
    found = findings(BUSY, CelFile(tmp_path, problem="Permission denied"))["cel_file"]
    assert "books = " in found.mend and "cel = the path" not in found.mend


def test_books_that_are_not_there(tmp_path):
    found = findings(BUSY, look_at_cel(tmp_path / "nowhere.csv"))["cel_file"]
    assert found.level is Level.FAULT and "No such file" in found.said


def test_the_lines_that_mend_are_those_of_the_shipped_files():
    shipped = Path(settings.__file__).parent / "asterisk"
    example = (shipped / "manager.example.conf").read_text(encoding="utf-8")
    for line in (doctor.EVENTS_READ, doctor.EVENTS_WRITE, doctor.COMMANDS_WRITE, doctor.VARSET_FILTER):
        assert f"\n{line}\n" in example
    assert doctor.TIMESTAMPS in example
    cel = (shipped / "cel.conf").read_text(encoding="utf-8")
    assert f"events = {doctor.CEL_EVENTS}\n" in cel and f"apps = {doctor.CEL_APPS}\n" in cel
    assert doctor.CEL_MAPPING in (shipped / "cel_custom.conf").read_text(encoding="utf-8")
