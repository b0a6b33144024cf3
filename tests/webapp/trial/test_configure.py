"""From templates to the configuration that Asterisk reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webapp.trial.install import Installation
from webapp.trial.pbx import TEMPLATES, Pbx, Ports, Secrets, fill
from webapp.trial.people import cast

PORTS = Ports(
    5038, 5060, 5070, {agent.username: 6000 + i for i, agent in enumerate(cast().agents)}, 10_000, 10_039, 8088
)


@pytest.fixture
def pbx(tmp_path: Path) -> Pbx:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "chan_pjsip.so").touch()
    installation = Installation(("asterisk",), modules, tmp_path / "data", "22.0")
    return Pbx(installation, tmp_path / "state", PORTS, Secrets("s-events", "s-commands", "s-answer", "s-phone"))


def test_every_placeholder_is_filled_in(pbx: Pbx) -> None:
    texts = pbx.configuration(Path("/run/x"))
    for name, text in texts.items():
        assert not re.search(r"@[A-Z_]+@|^;each |^;end$", text, re.MULTILINE), name
    assert {"asterisk.conf", "manager.conf", "pjsip.conf", "queues.conf", "extensions.conf"} <= set(texts)
    assert "manager.example.conf" not in texts


def test_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(KeyError, match="NOBODY"):
        fill("secret = @NOBODY@", {}, {})


def test_everybody_in_the_cast_has_a_phone_a_number_and_a_place_in_the_queues(pbx: Pbx) -> None:
    texts = pbx.configuration(Path("/run/x"))
    for agent in pbx.people.agents:
        assert f"exten => {agent.did},1," in texts["extensions.conf"]
    for agent in pbx.people.desk_agents:
        contact = f"contact = sip:{agent.username}@127.0.0.1:{PORTS.phones[agent.username]}"
        assert contact in texts["pjsip.conf"]
        assert f"callerid = {agent.name} <{agent.extension}>" in texts["pjsip.conf"]
    for queue in pbx.people.queues:
        section = texts["queues.conf"].split(f"[{queue.name}](waiting)")[1].split("\n[")[0]
        assert re.findall(r"^member => PJSIP/(\w+),", section, re.MULTILINE) == list(queue.members)
        assert f"exten => {queue.did},1," in texts["extensions.conf"]


def test_nothing_listens_beyond_loopback(pbx: Pbx) -> None:
    texts = pbx.configuration(Path("/run/x"))
    bound = "".join(texts[f"{name}.conf"] for name in ("manager", "pjsip", "http"))
    assert re.findall(r"^bind(?:addr)? = (\S+)", bound, re.MULTILINE) == [
        "127.0.0.1",
        "127.0.0.1:5060",
        "127.0.0.1",
        "127.0.0.1",
    ]


def test_a_phone_in_a_browser_has_no_account_before_somebody_logs_in(pbx: Pbx) -> None:
    assert "erin" not in pbx.configuration(Path("/run/x"))["pjsip.conf"]


def test_a_module_that_this_asterisk_has_not_is_left_out(pbx: Pbx) -> None:
    assert re.findall(r"^load => (\S+)", pbx.configuration(Path("/run/x"))["modules.conf"], re.MULTILINE) == [
        "chan_pjsip.so"
    ]


def test_each_trial_has_secrets_of_its_own() -> None:
    assert len({Secrets().events, Secrets().events, Secrets().commands, Secrets().answer, Secrets().phone}) == 5
    assert all(secret not in repr(Secrets()) for secret in [Secrets("s-events").events])


def test_the_example_for_other_peoples_pbx_gives_what_the_trial_gives() -> None:
    """Same users, same classes, same filters: what was tried is what is recommended."""

    def rights(name: str) -> dict[str, list[str]]:
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        sections = re.findall(r"^\[(ringback-[a-z]+)\].*?\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
        return {user: re.findall(r"^(?:read =|write =|eventfilter).*", body, re.MULTILINE) for user, body in sections}

    assert len(rights("manager.conf")["ringback-events"]) > 40
    assert rights("manager.example.conf") == rights("manager.conf")
