"""Asterisk comes up quickly, on loopback alone, and never outlives us."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.asterisk import Asterisk, wait_for
from webapp.trial.install import Installation
from webapp.trial.pbx import NoTrial, Pbx, PbxFailed, Ports, RunningTrial
from webapp.trial.phones import Phones, rings

pytestmark = [pytest.mark.journey, pytest.mark.patient]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_it_starts_without_a_word_of_complaint(start_asterisk: Callable[[], Pbx]) -> None:
    pbx = start_asterisk()
    assert "ERROR" not in pbx.log_text()
    assert "WARNING" not in pbx.log_text()


def test_calls_and_commands_come_in_on_loopback_alone(asterisk: Asterisk) -> None:
    """Two sockets may be found elsewhere, on ports of the system's choice: those by which SIP asks for names (DNS)."""
    hears = asterisk.logged_in("ringback-events")
    asterisk.call("+306912345678", to="sales")  # a call that was answered has its audio ports open
    hears.hears("AgentCalled")
    assert asterisk.pbx.pid is not None
    sockets = psutil.Process(asterisk.pbx.pid).net_connections(kind="inet")
    ports = asterisk.pbx.ports
    ours = {ports.ami, ports.sip, ports.http, *range(ports.rtp_first, ports.rtp_last + 1)}
    local = [each.laddr for each in sockets if each.laddr.ip == "127.0.0.1"]
    elsewhere = [each for each in sockets if each.laddr.ip != "127.0.0.1"]
    assert {each.port for each in local} <= ours
    assert len([each for each in local if each.port >= ports.rtp_first and each.port <= ports.rtp_last]) >= 2
    assert len(elsewhere) <= 2
    assert all(each.type == socket.SOCK_DGRAM and each.laddr.port not in ours for each in elsewhere)


def test_two_run_side_by_side_and_one_comes_back_on_its_ports(start_asterisk: Callable[[], Pbx]) -> None:
    first, second = start_asterisk(), start_asterisk()
    first.restart()
    assert first.running
    assert "sales" in first.cli("queue show sales")
    assert "support" in second.cli("queue show support")


def test_a_port_that_is_taken_is_told(asterisk_installation: tuple[Installation, object], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free = Ports.free()
        ports = Ports(
            taken.getsockname()[1], free.sip, free.customers, free.phones, free.rtp_first, free.rtp_last, free.http
        )
        pbx = Pbx(asterisk_installation[0], tmp_path, ports)
        with pytest.raises(PbxFailed, match="in use"):
            pbx.start()
        assert not pbx.running


def test_what_it_writes_is_for_nobody_else(start_asterisk: Callable[[], Pbx]) -> None:
    pbx = start_asterisk()
    told = pbx.state_dir / "trial.json"
    assert stat.S_IMODE(told.stat().st_mode) == 0o600
    assert stat.S_IMODE(pbx.state_dir.stat().st_mode) == 0o700
    assert RunningTrial.at(pbx.state_dir).pid == pbx.pid
    pbx.stop()
    with pytest.raises(NoTrial):
        RunningTrial.at(pbx.state_dir)


def test_nothing_is_left_after_stop(start_asterisk: Callable[[], Pbx]) -> None:
    pbx = start_asterisk()
    pid = pbx.pid
    assert pid is not None
    pbx.stop()
    pbx.stop()
    assert gone(pid)
    assert not pbx.running


BEGUN = """
import signal, sys
from pathlib import Path
from random import Random
from webapp.trial.install import default_cache, ensure_sipp, find_or_install
from webapp.trial.pbx import Pbx
from webapp.trial.phones import Phones, everyone
pbx = Pbx(find_or_install(default_cache(), print), Path(sys.argv[1]))
with pbx, Phones(pbx, ensure_sipp(default_cache(), print), everyone(pbx, Random()), print):
    print("up", flush=True)
    signal.pause()
"""


def test_a_program_that_is_killed_takes_its_pbx_and_its_phones_with_it(
    asterisk_installation: object, tmp_path: Path
) -> None:
    program = subprocess.Popen([sys.executable, "-c", BEGUN, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert next(line for line in program.stdout if line.startswith("up"))
    children = psutil.Process(program.pid).children(recursive=True)
    assert len(children) == 6  # Asterisk, four agents, the customers

    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    program.stdout.close()

    wait_for("all of them to end", lambda: all(gone(child.pid) for child in children))


def test_a_phone_that_dies_is_started_again_and_told_once(
    start_asterisk: Callable[[], Pbx], asterisk_installation: tuple[object, tuple[str, ...]]
) -> None:
    told: list[str] = []
    pbx = start_asterisk()
    with Phones(pbx, asterisk_installation[1], {"alice": [rings()]}, told.append) as phones:
        for _ in range(2):
            before = phones.pids()["alice"]
            os.kill(before, signal.SIGKILL)
            wait_for("a new phone", lambda before=before: phones.pids().get("alice", before) != before)
        phones.wait_until_ready()
    assert len(told) == 1
    assert "alice" in told[0]
