"""Asterisk unpacked apart from the system. apt and dpkg are played by small scripts; a real one is what other tests start."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.trial.install import ensure_sipp, find_or_install

APT_CACHE = """#!/bin/sh
echo "asterisk:"; echo "  Installed: (none)"; echo "  Candidate: {candidate}"
"""
APT_GET = """#!/bin/sh
echo "$*" >> {log}
case "$*" in
*indextargets*) echo "{target}" ;;
*update*) exit {update} ;;
*--download-only*)
  {fetch}
  for option; do case $option in Dir::Cache=*) touch "${{option#Dir::Cache=}}/archives/asterisk.deb" ;; esac; done ;;
esac
"""
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/sbin" "$3/usr/bin" "$3/usr/lib/any/asterisk/modules" "$3/usr/share/asterisk" "$3/usr/share/doc"
touch "$3/usr/lib/any/asterisk/modules/chan_pjsip.so" "$3/usr/sbin/asterisk" "$3/usr/bin/sipp"
printf '#!/bin/sh\\necho Asterisk {version}\\n' > "$3/usr/lib/any/ld-linux-any.so.1"
chmod +x "$3/usr/lib/any/ld-linux-any.so.1"
"""


class Machine:
    """A computer that has only what its owner put there."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.cache, self.log = tmp_path / "bin", tmp_path / "cache", tmp_path / "apt.log"
        self.bin.mkdir()
        for tool in ("sh", "mkdir", "touch", "chmod"):
            (self.bin / tool).symlink_to(f"/bin/{tool}")
        monkeypatch.setenv("PATH", str(self.bin))
        self.said: list[str] = []

    def has_debian(
        self, candidate: str = "1:22.1.0-1", target: str = "", update: int = 0, fetch: str = "", version: str = "22.1.0"
    ) -> None:
        apt_get = APT_GET.format(log=self.log, target=target, update=update, fetch=fetch)
        scripts = {
            "apt-cache": APT_CACHE.format(candidate=candidate),
            "apt-get": apt_get,
            "dpkg-deb": DPKG_DEB.replace("{version}", version),
        }
        for name, text in scripts.items():
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    @property
    def asked(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    if any(Path(place, "asterisk").exists() for place in ("/usr/sbin", "/usr/local/sbin")):
        pytest.skip("this machine has an Asterisk of its own, which is always taken first")
    return Machine(tmp_path, monkeypatch)


def test_the_release_has_one(machine: Machine) -> None:
    machine.has_debian()
    found = find_or_install(machine.cache, machine.said.append)
    assert found is not None
    assert found.version == "22.1.0"
    assert found.modules.name == "modules"
    assert "unstable" not in machine.asked
    assert not list(machine.cache.rglob("doc"))
    assert machine.said[-1].startswith("Unpacking")


def test_a_second_start_fetches_nothing_and_says_nothing(machine: Machine) -> None:
    machine.has_debian()
    first = find_or_install(machine.cache, machine.said.append)
    asked, said = machine.asked, list(machine.said)
    assert find_or_install(machine.cache, machine.said.append) == first
    assert (machine.asked, machine.said) == (asked, said)


def test_a_release_without_it_takes_it_from_debians_unstable_suite(machine: Machine) -> None:
    machine.has_debian(candidate="(none)", target="Debian|Debian|main|http://mirror.example/debian/")
    assert find_or_install(machine.cache, machine.said.append) is None  # this apt never has a candidate
    assert "unstable.list" in machine.asked
    assert "unstable suite has no asterisk" in machine.said[-1]


def test_one_that_is_too_old_counts_as_none(machine: Machine) -> None:
    machine.has_debian(candidate="1:16.2.1-1")
    assert find_or_install(machine.cache, machine.said.append) is None
    assert "no mirror of Debian" in machine.said[-1]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ({"update": 100}, "apt said"),
        ({"fetch": 'echo "E: Unable to fetch some archives"; exit 100'}, "Unable to fetch some archives"),
        ({"version": "-"}, "does not run here"),
    ],
)
def test_when_it_cannot_be_had_one_sentence_says_why(machine: Machine, trouble: dict[str, object], reason: str) -> None:
    machine.has_debian(**trouble)  # type: ignore[arg-type]
    assert find_or_install(machine.cache, machine.said.append) is None
    assert machine.said[-1].startswith("No Asterisk: ")
    assert reason in machine.said[-1]


def test_a_half_made_tree_is_never_taken_for_one(machine: Machine) -> None:
    machine.has_debian(fetch="exit 100")
    assert find_or_install(machine.cache, machine.said.append) is None
    assert [path.name for path in machine.cache.iterdir()] == ["asterisk.lock"]
    machine.has_debian()
    assert find_or_install(machine.cache, machine.said.append) is not None


def test_a_machine_without_apt_is_told_what_to_do(machine: Machine) -> None:
    assert find_or_install(machine.cache, machine.said.append) is None
    assert "install Asterisk 18 or newer" in machine.said[-1]
    assert ensure_sipp(machine.cache, machine.said.append) is None
    assert machine.said[-1].startswith("No SIPp")


def test_a_cache_that_cannot_be_written_is_told(machine: Machine) -> None:
    machine.has_debian()
    machine.cache.write_text("a file where a directory should be")
    assert find_or_install(machine.cache, machine.said.append) is None
    assert "cannot be written" in machine.said[-1]


def test_the_machines_own_is_taken_first(machine: Machine) -> None:
    machine.has_debian()
    own = machine.bin.parent / "usr"
    (own / "lib/asterisk/modules").mkdir(parents=True)
    (own / "lib/asterisk/modules/chan_pjsip.so").touch()
    (own / "share/asterisk").mkdir(parents=True)
    (own / "sbin").mkdir()
    (own / "sbin/asterisk").write_text("#!/bin/sh\necho Asterisk 20.6.0\n")
    (own / "sbin/asterisk").chmod(0o755)
    (machine.bin / "asterisk").symlink_to(own / "sbin/asterisk")
    found = find_or_install(machine.cache, machine.said.append)
    assert found is not None
    assert (found.version, found.command) == ("20.6.0", (str(machine.bin / "asterisk"),))
    assert machine.asked == ""
