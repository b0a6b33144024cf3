"""The product in a process of its own, with a switch that is none, people who call and agents who are logged in.

It runs as it is delivered for one server. In the same process lie the floors that it is compared with: a bare websocket
that echoes, and a bare page that paints what a bare websocket says.
"""

from __future__ import annotations

import gzip
import http.cookiejar
import itertools
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import websocket

from telephony.ami.frames import Frame, read_frames
from telephony.fake.asterisk import FakeAsterisk, FakeUser
from telephony.fake.recast import Recast, Recaster, stamped
from webapp.demo_contacts import contacts

ROOT = Path(__file__).parents[2]
RECORDING = Path(__file__).parents[1] / "fixtures/journals/in-direct-hangup-while-ringing.ami.gz"
RECORDED_LINE = "PJSIP/1007"
PATIENCE = 10.0  # seconds until a sample counts as lost
# seconds that the switch's clock is behind: so a caller who gave up leaves the bar at once, and the next finds it empty
PAST = 60.0
PAGE = """<!doctype html><title>Floor</title><p id="said"></p><script>
const socket = new WebSocket(`ws://${location.host}/bench/hear`);
socket.onmessage = (message) => { document.getElementById("said").textContent = message.data; };
</script>"""


def serve() -> None:
    """As `ringback run` does, with the demo firm; settings come from the environment."""
    import simple_websocket
    from flask import Response, request

    from config.settings import Settings
    from tests.bench import crowd
    from webapp import demo, install, jobs
    from webapp.app import create_app
    from webapp.bridges import BridgeKeeper
    from webapp.run import serve as serve_app

    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = Settings.from_env()
    app = create_app(settings)
    install.prepare(app)
    with app.test_request_context():
        list(demo.seed())
        if agents := int(os.environ.get("BENCH_AGENTS", "0")):
            crowd.settle(agents, int(os.environ["BENCH_CONTACTS"]))
    hearing: list[simple_websocket.Server] = []

    @app.get("/bench/echo", websocket=True)
    def echo() -> str:
        socket = simple_websocket.Server.accept(request.environ)
        try:
            while True:
                socket.send(socket.receive())
        except simple_websocket.ConnectionClosed:
            return ""

    @app.get("/bench/tell", websocket=True)
    def tell() -> str:
        socket = simple_websocket.Server.accept(request.environ)
        try:
            while True:
                words = socket.receive()
                for each in [*hearing]:
                    each.send(words)
        except simple_websocket.ConnectionClosed:
            return ""

    @app.get("/bench/hear", websocket=True)
    def hear() -> str:
        socket = simple_websocket.Server.accept(request.environ)
        hearing.append(socket)
        try:
            socket.receive()
        except simple_websocket.ConnectionClosed:
            hearing.remove(socket)
        return ""

    @app.get("/bench/page")
    def page() -> Response:
        return Response(PAGE, headers={"Content-Security-Policy": "default-src 'self' 'unsafe-inline'"})

    for switch in settings.switches:
        BridgeKeeper(app, switch).start()
    jobs.Embedded().start()
    serve_app(app)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


@dataclass
class Product:
    url: str
    pbx: FakeAsterisk
    logins: dict[str, str]


@contextmanager
def product(directory: Path, **more: str) -> Iterator[Product]:
    """`more`: further settings, as variables of the environment."""
    with FakeAsterisk({"events": FakeUser("e"), "commands": FakeUser("c")}) as pbx, ExitStack() as running:
        port = _free_port()
        (directory / "switches.toml").write_text(
            f'[main]\nport = {pbx.port}\nevents_user = "events"\nevents_secret = "e"\n'
            'commands_user = "commands"\ncommands_secret = "c"\n'
        )
        env = (
            {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
            | {
                "RINGBACK_DATA_DIR": str(directory / "data"),
                "RINGBACK_SWITCHES": str(directory / "switches.toml"),
                "RINGBACK_PORT": str(port),
                "RINGBACK_LOG_LEVEL": "WARNING",
            }
            | more
        )
        log = running.enter_context((directory / "log").open("wb"))
        command = [sys.executable, "-m", "tests.bench.product"]
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=log, stderr=log)
        running.callback(_end, server)
        try:
            until(lambda: server.poll() is not None or (pbx.listeners and _answers(port)), "the product's start", 600)
            if server.poll() is not None:
                raise RuntimeError("the product did not start")
        except RuntimeError:
            sys.stderr.write((directory / "log").read_text(errors="replace"))
            raise
        people = json.loads((directory / "data" / "demo-logins.json").read_text())
        yield Product(f"127.0.0.1:{port}", pbx, {person["username"]: person["password"] for person in people})


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} took longer than {seconds:.0f} s")
        time.sleep(0.05)


def recorded_call() -> list[Frame]:
    """One that rings at a phone until its caller gives up."""
    with gzip.open(RECORDING) as file:
        frames = [frame for frame in read_frames(file) if frame.name and not frame.mark]
    return [*itertools.dropwhile(lambda frame: frame.name != "Newchannel", frames)]


class Caller:
    """Calls one agent after the other; every call is a new one, half of the numbers are in the contacts."""

    def __init__(self, pbx: FakeAsterisk, known: Sequence[str] = (), recaster: Recaster | None = None) -> None:
        self._frames = recorded_call()
        known = known or [phone for customer in contacts() for phone, _label in customer.phones]
        numbers = [*known, *(f"+3069451{i:05d}" for i in range(len(known)))]
        random.Random(1).shuffle(numbers)
        self._numbers, self._recaster, self._pbx = iter(numbers), recaster or Recaster(), pbx
        self._rest: list[bytes] = []

    def ring(self, agent: str) -> float:
        """As it was recorded, to the millisecond; returns when the frame was sent that says which phone rings."""
        recast = Recast(caller=next(self._numbers), lines={RECORDED_LINE: f"PJSIP/{agent}"})
        script = [*self._recaster.cast(self._frames, recast)]
        rings = next(i for i, (_, raw) in enumerate(script) if Frame(raw).name == "DialBegin")
        gone = next(i for i, (_, raw) in enumerate(script) if Frame(raw).name == "HangupRequest")
        begun = time.time()
        frames = [stamped(raw, begun + offset - PAST) for offset, raw in script]
        self._rest = frames[gone:]
        self._pbx.send(*frames[:rings])
        time.sleep(max(0.0, begun + script[rings][0] - script[0][0] - time.time()))
        sent = time.time()
        self._pbx.send(*frames[rings:gone])
        return sent

    def give_up(self) -> None:
        self._pbx.send(*self._rest)


class Agent:
    """A log-in, and the session's cookies."""

    def __init__(self, product: Product, username: str) -> None:
        self.username, self._product = username, product
        self.cookies = http.cookiejar.CookieJar()
        self.opener = opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        url = f"http://{product.url}/login"
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', opener.open(url, timeout=20).read().decode())
        assert token
        form = {"username": username, "password": product.logins[username], "csrf_token": token[1]}
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), {"Referer": url})
        assert "/desk" in opener.open(request, timeout=20).geturl()

    def listen(self) -> websocket.WebSocket:
        """A page's socket without the page: Engine.IO 4, Socket.IO 5."""
        cookie = "; ".join(f"{each.name}={each.value}" for each in self.cookies)
        url = f"ws://{self._product.url}/socket.io/?EIO=4&transport=websocket"
        connected = websocket.create_connection(url, timeout=PATIENCE, cookie=cookie)
        assert connected.recv().startswith("0")
        connected.send("40")
        assert connected.recv().startswith("40")
        return connected


def hear(agent: websocket.WebSocket, state: str) -> None:
    """Until the socket says that a call is in this state. Raises WebSocketTimeoutException."""
    wanted, deadline = f'"state":"{state}"', time.monotonic() + PATIENCE
    while True:
        agent.settimeout(max(0.001, deadline - time.monotonic()))
        message = agent.recv()
        if message == "2":
            agent.send("3")
        elif message.startswith('42["call"') and wanted in message:
            return


if __name__ == "__main__":
    serve()
