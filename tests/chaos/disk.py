"""The journal's disk, which can be filled and freed: a small file system of its own where we may mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE = 64 << 20  # more than the journal of a run needs


class Disk:
    """`with Disk(folder) as disk`; `disk.why_not` says why it cannot be filled here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.why_not = ""
        self._mounted = False
        self._ballast = folder / "ballast"

    def __enter__(self) -> Disk:
        self.folder.mkdir(parents=True, exist_ok=True)
        mount = shutil.which("mount")
        if os.geteuid() != 0 or mount is None:
            self.why_not = "only root may mount a small file system for the journal"
            return self
        options = f"size={SIZE},mode=0700"
        done = subprocess.run(
            [mount, "-t", "tmpfs", "-o", options, "ringback-chaos", str(self.folder)], capture_output=True, text=True
        )
        self._mounted = done.returncode == 0
        self.why_not = "" if self._mounted else f"no small file system can be mounted here: {done.stderr.strip()}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._mounted:
            self.free()
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)

    def fill(self) -> None:
        piece = bytes(1 << 16)
        file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with suppress(OSError):
                while True:
                    os.write(file, piece)
        finally:
            os.close(file)

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)
