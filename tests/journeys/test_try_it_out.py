"""`ringback run` as somebody does who wants to see it: one command, and one Ctrl-C that ends all of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from tests.asterisk import wait_for
from tests.journeys.product import installation_env
from tests.journeys.screen import Screen
from webapp import assets_build
from webapp.trial.install import Installation
from webapp.trial.pbx import dying_with_us, free_tcp_port

pytestmark = pytest.mark.journey

FIRST_CARD = 30  # seconds, as the greeting promises
CALLER = "+447700900123"


class Trial:
    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.env = installation_env(self.data)
        self.log = directory / "trial.log"
        self.url = f"http://127.0.0.1:{free_tcp_port()}"
        command = [sys.executable, "-m", "webapp.cli", "run", "--port", self.url.rsplit(":", 1)[1]]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                dying_with_us(command), env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def said(self) -> str:
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_text()

    def demo_call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "webapp.cli", "demo", "call", *arguments]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=90)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def trial(asterisk_installation: tuple[Installation, tuple[str, ...]], tmp_path: Path) -> Iterator[Trial]:
    assets_build.build()
    trial = Trial(tmp_path)
    yield trial
    if trial.process.poll() is None:
        trial.process.kill()
        trial.process.wait()


def test_alice_sees_a_card_soon_a_call_can_be_placed_by_hand_and_one_interrupt_ends_everything(
    trial: Trial, browser: Browser
) -> None:
    wait_for("the trial to be ready", lambda: re.search(r"\d ready$", trial.said(), re.MULTILINE), 90)
    logins = {person["username"]: person for person in json.loads((trial.data / "demo-logins.json").read_text())}
    for person in logins.values():
        assert f"{person['username']:<8} {person['password']:<14} {person['name']}" in trial.said()

    context = browser.new_context(locale="en-GB")
    alice = Screen(context, trial.url)
    alice.page.goto(f"{trial.url}/login")
    alice.page.get_by_role("button", name="Alice Martin").click()
    expect(alice.page).to_have_url(f"{trial.url}/desk")
    expect(alice.card("ringing")).to_be_visible(timeout=FIRST_CARD * 1000)

    placed = trial.demo_call("--from", CALLER, "--name", "Dana", "--queue", "support", "--abandon")
    assert placed.returncode == 0, placed.stderr
    alice.open("Callbacks")
    expect(alice.page.locator("#callback-rows")).to_contain_text("+44 7700 900123")
    assert alice.troubles == []
    context.close()

    family = trial.family()
    names = {_program(process) for process in family}
    assert {"asterisk", "sipp"} <= names
    trial.process.send_signal(signal.SIGINT)
    assert trial.process.wait(30) == 0, trial.log.read_text()
    wait_for("all of it to end", lambda: not any(_lives(process) for process in family))
    assert "Traceback" not in trial.log.read_text()
    assert not (trial.data / "trial" / "trial.json").exists()


def test_without_a_trial_a_call_by_hand_says_how_to_start_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "webapp.cli", "demo", "call"]
    done = subprocess.run(command, env=installation_env(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "start it with `make run`" in done.stderr


def _program(process: psutil.Process) -> str:
    """Also of one that runs through the loader of another C library."""
    try:
        words = process.cmdline() or [""]
    except psutil.NoSuchProcess:  # a customer has hung up meanwhile
        return ""
    return next(
        (name for name in ("asterisk", "sipp") for word in words[:6] if os.path.basename(word) == name), words[0]
    )


def _lives(process: psutil.Process) -> bool:
    """An orphan that has ended may wait for init to take notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # of which a zombie is one kind
        return False
