"""Asterisk's REST interface, as far as accounts of phones are made and removed over it; kept in memory."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from telephony.ami.interview import BROWSER_MODULES, BUTTON_MODULES


class FakeAri:
    """`objects` by type and name, as they were put. A name in `static` is in the PBX's own files."""

    def __init__(self, username: str = "ringback-phones", password: str = "secret") -> None:  # noqa: S107
        self.objects: dict[tuple[str, str], dict[str, str]] = {}
        self.static: set[str] = set()
        self.modules = {*BUTTON_MODULES, *BROWSER_MODULES}
        self.takes_browsers = True  # SIP over a websocket
        self.away: set[str] = set()  # these have an account, and no page
        self.login = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake._serve(self)

            do_PUT = do_DELETE = do_GET

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def names(self, kind: str = "endpoint") -> list[str]:
        return sorted(name for each, name in self.objects if each == kind)

    def __enter__(self) -> FakeAri:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/ws":
            self._shake_hands(request)
            return
        kind, name = request.path.rsplit("/", 2)[1:]
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if request.headers.get("Authorization") != self.login:
            self._answer(request, 401, "Authentication required")
        elif name in self.static and request.command != "GET":
            self._answer(request, 403, "Cannot change a static object")
        elif request.path == "/ari/endpoints/PJSIP":
            there = [{"resource": each, "state": "offline" if each in self.away else "online"} for each in self.names()]
            self._answer(request, 200, there)
        elif request.path == "/ari/asterisk/modules":
            loaded = [{"name": f"{each}.so", "status": "Running"} for each in sorted(self.modules)]
            self._answer(request, 200, loaded)
        elif request.command == "PUT":
            self.objects[kind, name] = {each["attribute"]: each["value"] for each in json.loads(body)["fields"]}
            self._answer(request, 200, "")
        elif (kind, name) not in self.objects:
            self._answer(request, 404, "Object not found")
        else:
            if request.command == "DELETE":
                del self.objects[kind, name]
            self._answer(request, 204 if request.command == "DELETE" else 200, "")

    def _shake_hands(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(101 if self.takes_browsers else 400)
        request.send_header("Sec-WebSocket-Protocol", request.headers.get("Sec-WebSocket-Protocol", ""))
        request.end_headers()

    def _answer(self, request: BaseHTTPRequestHandler, status: int, told: str | list[dict[str, str]]) -> None:
        body = json.dumps({"message": told} if told and isinstance(told, str) else told or []).encode()
        body = body if status != 204 else b""
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
