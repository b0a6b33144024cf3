"""The same product as several processes: PostgreSQL, Redis, two web workers, a bridge and a worker of their own."""

from __future__ import annotations

import http.cookiejar
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import pytest
import socketio

from telephony.fake.asterisk import FakeAsterisk, FakeUser
from telephony.fake.recast import Recast
from tests.postgresql import PostgreSQL, find_binaries

pytestmark = pytest.mark.journey
PASSWORD = "a long password"
RECORDINGS = Path(__file__).parents[1] / "fixtures" / "journals"
BIN = Path(sys.executable).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Firm:
    url: str
    pbx: FakeAsterisk
    env: dict[str, str]
    log: Path


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    binaries, redis = find_binaries(), shutil.which("redis-server")
    if binaries is None or redis is None:
        pytest.skip("needs PostgreSQL's and Redis' servers")
    tmp = tmp_path_factory.mktemp("firm")
    log = tmp / "log"
    with ExitStack() as running, log.open("wb") as output:

        def start(*command: str, env: dict[str, str] | None = None) -> None:
            process = subprocess.Popen(command, env=env, stdout=output, stderr=output, cwd=Path(__file__).parents[2])

            def end() -> None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

            running.callback(end)

        database = running.enter_context(PostgreSQL(binaries))
        pbx = running.enter_context(FakeAsterisk({"events": FakeUser("e"), "commands": FakeUser("c")}))
        redis_port, web_port = free_port(), free_port()
        start(redis, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        until(lambda: answers(redis_port), "Redis")
        switches = tmp / "switches.toml"
        switches.write_text(
            f'[main]\nport = {pbx.port}\nevents_user = "events"\nevents_secret = "e"\n'
            'commands_user = "commands"\ncommands_secret = "c"\n'
        )
        env = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")} | {
            "RINGBACK_DATA_DIR": str(tmp / "data"),
            "RINGBACK_DATABASE_URL": database.url,
            "RINGBACK_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "RINGBACK_SWITCHES": str(switches),
        }
        ringback = str(BIN / "ringback")
        add = [
            ringback,
            "user",
            "add",
            "alice",
            "--name",
            "Alice Martin",
            "--line",
            "PJSIP/alice",
            "--password-file",
            "-",
        ]
        subprocess.run(add, env=env, input=PASSWORD.encode(), check=True, stdout=output, stderr=output)
        bind = f"127.0.0.1:{web_port}"
        start(str(BIN / "gunicorn"), "-k", "gevent", "-w", "2", "-b", bind, "webapp.wsgi:app", env=env)
        start(ringback, "bridge", "main", env=env)
        start(ringback, "worker", env=env)
        until(lambda: answers(web_port), "the web server")
        until(lambda: pbx.listeners > 0, "the bridge")
        yield Firm(f"http://{bind}", pbx, env, log)


class Page:
    """Just enough of a browser: cookies, the log-in form, and a socket."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.cookies = http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies)).open

    def get(self, path: str) -> str:
        text: str = self._open(self.firm.url + path, timeout=20).read().decode()
        return text

    def log_in(self, username: str) -> None:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get("/login"))
        assert found
        form = {"username": username, "password": PASSWORD, "csrf_token": found[1]}
        request = urllib.request.Request(self.firm.url + "/login", urllib.parse.urlencode(form).encode())
        request.add_header("Referer", self.firm.url + "/login")
        assert "/desk" in self._open(request, timeout=20).geturl()

    def listen(self) -> tuple[socketio.Client, Queue[dict[str, object]]]:
        client, heard = socketio.Client(reconnection=False), Queue[dict[str, object]]()
        client.on("call", heard.put)
        cookie = "; ".join(f"{each.name}={each.value}" for each in self.cookies)
        client.connect(self.firm.url, headers={"Cookie": cookie}, transports=["websocket"])
        return client, heard


def test_a_call_at_the_bridge_process_reaches_the_agent_at_whichever_web_worker(firm: Firm) -> None:
    page = Page(firm)
    page.log_in("alice")
    sockets = [page.listen() for _ in range(4)]  # so that both workers have some
    try:
        cast = Recast(caller="+306944000001", lines={"PJSIP/1007": "PJSIP/alice"})
        firm.pbx.play(RECORDINGS / "in-direct-answered.ami.gz", speed=4, recast=cast)
        for _client, heard in sockets:
            first = heard.get(timeout=20)
            assert first["state"] == "ringing"
            assert set(first) == {"uid", "version", "state", "v"}
        assert "698" not in str(first)
    finally:
        for client, _heard in sockets:
            client.disconnect()
    until(lambda: "694 400 0001" in page.get("/calls"), "the call in the log")


def test_a_job_is_done_by_the_worker_process(firm: Firm) -> None:
    """Rung from another process; a callback that is overdue is noticed, and that is written down."""
    ring = (
        "from config.settings import Settings\n"
        "from webapp.app import create_app\n"
        "from webapp.db import db, transaction\n"
        "from webapp import jobs\n"
        "from tests.factories import make_callback, now\n"
        "from webapp.tasks.jobs import sweep\n"
        "import time, sys\n"
        "app = create_app(Settings.from_env())\n"
        "with app.app_context():\n"
        "    callback = make_callback('+306944000777', due_at=now())\n"
        "    jobs.soon(sweep)\n"
        "    for _ in range(600):\n"
        "        db.session.rollback(); db.session.refresh(callback)\n"
        "        if callback.overdue_told_at: sys.exit(0)\n"
        "        time.sleep(0.05)\n"
        "sys.exit('nobody noticed')\n"
    )
    done = subprocess.run([sys.executable, "-c", ring], env=firm.env, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr


def test_a_second_bridge_waits_as_a_spare(firm: Firm) -> None:
    spare = subprocess.Popen([str(BIN / "ringback"), "bridge", "main"], env=firm.env, stderr=subprocess.DEVNULL)
    try:
        listeners = firm.pbx.listeners
        with pytest.raises(subprocess.TimeoutExpired):
            spare.wait(3)
        assert firm.pbx.listeners == listeners
    finally:
        spare.terminate()
        spare.wait(15)
