"""A minute in which everything goes wrong, on a real Asterisk: afterwards each call is one true row."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.chaos.layouts import LAYOUTS

pytestmark = [pytest.mark.journey, pytest.mark.patient]
PLAN = ("--minutes", "1", "--seed", "20", "--rate", "2", "--every", "3")
CANNOT_RUN = 2
TOLD = "told.txt"

Runs = Mapping[str, tuple["subprocess.Popen[bytes]", Path]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """One run on each database, side by side: most of a run is waiting."""
    folders = {database: tmp_path_factory.mktemp(database) for database in LAYOUTS}
    processes = {database: _start(database, folder) for database, folder in folders.items()}
    try:
        yield {database: (processes[database], folders[database] / TOLD) for database in LAYOUTS}
    finally:
        for process in processes.values():
            process.terminate()  # nothing to a run that has ended
            process.wait()


def _start(database: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.chaos", *PLAN, "--database", database, "--keep", str(folder / "kept")]
    (folder / "kept").mkdir()
    with (folder / TOLD).open("wb") as told:
        return subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("database", sorted(LAYOUTS))
def test_no_call_is_lost_or_doubled_and_no_caller_forgotten(database: str, runs: Runs) -> None:
    process, told = runs[database]
    code = process.wait()
    if code == CANNOT_RUN:
        pytest.skip(told.read_text(encoding="utf-8").strip().splitlines()[-1])
    assert code == 0, told.read_text(encoding="utf-8")
