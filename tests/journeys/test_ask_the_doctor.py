"""An administrator asks `ringback doctor` about a real Asterisk: one that is well, and one with many faults at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.product import installation_env
from webapp.trial.install import Installation
from webapp.trial.pbx import Pbx

pytestmark = pytest.mark.journey


class CarelessPbx(Pbx):
    """As a hurried administrator configures it."""

    def configuration(self, run_dir: Path) -> dict[str, str]:
        texts = super().configuration(run_dir)
        return texts | {
            "manager.conf": changed(
                texts["manager.conf"],
                {
                    "timestampevents = yes": "timestampevents = no",
                    "write = reporting\n": "write = all\n",
                    "write = originate,call,agent,reporting": "write = call,agent,reporting",
                },
            ),
            "modules.conf": changed(
                texts["modules.conf"],
                {
                    "load => cel_custom.so": "load => func_module.so\nload => func_config.so",
                    "load => app_echo.so\n": "",
                    "load => res_pjsip_transport_websocket.so\n": "",
                },
            ),
            "extensions.conf": changed(texts["extensions.conf"], {"#include ringback-phones.conf": ""}),
            "res_parking.conf": changed(texts["res_parking.conf"], {"context = parkedcalls": "context = parked"}),
        }


def changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def installation(asterisk_installation: tuple[Installation, tuple[str, ...]]) -> Installation:
    return asterisk_installation[0]


def examined(pbx: Pbx, directory: Path, *, events_secret: str | None = None) -> dict[str, dict[str, Any]]:
    """What the command says of the switch, by code."""
    switch = pbx.switch("main")
    phones = switch.browser_phones
    assert phones is not None
    (directory / "switches.toml").write_text(
        f'[main]\nport = {switch.port}\nevents_user = "{switch.events.user}"\n'
        f'events_secret = "{events_secret or switch.events.secret}"\n'
        f'commands_user = "{switch.commands.user}"\ncommands_secret = "{switch.commands.secret}"\n'
        f'books = "{switch.books}"\nari_url = "{phones.ari_url}"\nari_user = "{phones.login.user}"\n'
        f'ari_secret = "{phones.login.secret}"\n',
        encoding="utf-8",
    )
    env = installation_env(directory / "data") | {"RINGBACK_SWITCHES": str(directory / "switches.toml")}
    command = [sys.executable, "-m", "webapp.cli", "doctor", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr  # nobody follows this switch, and its database was never made
    findings = json.loads(done.stdout)["findings"]
    return {one["code"]: one for one in findings if one["about"] == "switch main"}


def faults(findings: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {code for code, one in findings.items() if one["level"] == "fault"} - {"bridge"}


def test_the_configuration_that_is_shipped_has_no_fault(installation: Installation, tmp_path: Path) -> None:
    with Pbx(installation, tmp_path / "pbx") as pbx:
        findings = examined(pbx, tmp_path)
        assert faults(findings) == set()
        well = {code for code, one in findings.items() if one["level"] == "well"}
        assert well >= {"events-write", "commands-write", "echo", "timestamps", "clock", "context", "trunk PJSIP/trunk"}
        assert well >= {"buttons", "parking", "phone-modules", "phone-context", "browser-phones", "browser-socket"}
        assert faults(examined(pbx, tmp_path, events_secret="wrong")) == {"events-login"}
        assert not pbx.cli("core show channels concise").strip()


def test_faults_at_once_are_all_named_with_their_mend(installation: Installation, tmp_path: Path) -> None:
    with CarelessPbx(installation, tmp_path / "pbx") as pbx:
        findings = examined(pbx, tmp_path)
        of_phones = {"buttons", "parking", "phone-modules", "browser-socket"}
        assert faults(findings) == {"cel_custom", "timestamps", "events-excess", "commands-write"} | of_phones
        assert "load => app_echo.so" in findings["phone-modules"]["mend"]
        assert findings["buttons"]["mend"].endswith("  #include ringback-phones.conf")
        assert "load => cel_custom.so" in findings["cel_custom"]["mend"]
        assert findings["timestamps"]["mend"].endswith("timestampevents = yes")
        assert findings["events-excess"]["mend"].endswith("  write = reporting")
        assert "originate" in findings["commands-write"]["said"]
        assert findings["secrets"]["level"] == "look"  # func_config: any AMI user may read secrets
        assert findings["cel"]["level"] == "well"
