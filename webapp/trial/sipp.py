"""SIPp, which plays the phones and the customers: one process for each, running a scenario of config/asterisk/sipp."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from webapp.trial.pbx import TEMPLATES, dying_with_us, free_udp_ports

SCENARIOS = TEMPLATES / "sipp"


class Sipp:
    """Like `Pbx`, it ends with the thread that made it."""

    def __init__(
        self,
        command: Sequence[str],
        scenario: str,
        *,
        name: str,
        ip: str,
        port: int,
        sip_port: int,
        log_dir: Path,
        keys: Mapping[str, str] | None = None,
        more: Sequence[str] = (),
    ) -> None:
        self.name, self.ip, self.port = name, ip, port
        self.log = log_dir / f"sipp-{name}.log"
        arguments = [
            *(*command, f"127.0.0.1:{sip_port}", "-sf", str(SCENARIOS / f"{scenario}.xml")),
            *(
                "-i",
                ip,
                "-p",
                str(port),
                "-mi",
                ip,
                "-mp",
                str(free_udp_ports(4)[0]),
                "-nostdin",
                "-aa",
                "-rtp_echo",
                *more,
            ),
            *(word for key, value in (keys or {}).items() for word in ("-key", key, value)),
        ]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                dying_with_us(arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=log_dir,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def listening(self) -> bool:
        return self.running and _bound(self.ip, self.port)

    def last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {self._process.poll()}"

    def wait(self, seconds: float) -> bool:
        """True when it has come to its end."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        if self.running:
            self._process.kill()
        self._process.wait()


def _bound(ip: str, port: int) -> bool:
    """Looked up, not tried out: a trial binding could be the one that gets in SIPp's way."""
    packed = struct.unpack("<I" if sys.byteorder == "little" else ">I", socket.inet_aton(ip))[0]
    place = f" {packed:08X}:{port:04X} "
    return place in Path("/proc/net/udp").read_text(encoding="ascii")
