"""Accounts of browser phones, made and removed on a running Asterisk over its REST interface (ARI): no file is touched,
and what the PBX's own files define cannot be changed this way."""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field, replace

from telephony.errors import BadValue, SwitchRefused, SwitchUnavailable

TIMEOUT = 5.0
_OBJECTS = "asterisk/config/dynamic/res_pjsip"
_NAME = re.compile(r"[0-9A-Za-z_.-]{1,40}")
_CONTEXT = re.compile(r"[0-9A-Za-z_-]{1,79}")
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f"<>\\]')


@dataclass(frozen=True, slots=True)
class BrowserPhone:
    """`name` is what stands after PJSIP/."""

    name: str
    password: str = field(repr=False)
    context: str
    caller: str  # as colleagues see who calls
    qualify_seconds: int = 5  # so often it is asked whether it is still there
    opus: bool = False  # where the PBX can make it into what trunks speak

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadValue("name", f"{self.name!r:.60} is not allowed")
        if not _CONTEXT.fullmatch(self.context):
            raise BadValue("context", f"{self.context!r:.60} is not allowed")

    def objects(self) -> dict[str, dict[str, str]]:
        """By their PJSIP type, in the order in which they can be made."""
        return {
            "auth": {"auth_type": "userpass", "username": self.name, "password": self.password},
            "aor": {
                "max_contacts": "1",
                "remove_existing": "yes",  # the newest page wins
                "default_expiration": "120",
                "qualify_frequency": str(self.qualify_seconds),
                "qualify_timeout": "2.0",
            },
            "endpoint": {
                "auth": self.name,
                "aors": self.name,
                "context": self.context,
                "callerid": f'"{_NOT_IN_A_NAME.sub(" ", self.caller)[:60]}" <{self.name}>',
                "disallow": "all",
                "allow": "opus,alaw,ulaw" if self.opus else "alaw,ulaw",  # the latter as trunks speak
                "outgoing_call_offer_pref": "local_merge",  # else what the caller speaks would come first
                "webrtc": "yes",
                "dtmf_mode": "rfc4733",
                "direct_media": "no",
                "rtp_timeout": "15",
                "rtp_timeout_hold": "600",
                "device_state_busy_at": "1",
            },
        }


class AriPhones:
    """Methods raise `SwitchError`."""

    def __init__(self, url: str, username: str, password: str, *, timeout: float = TIMEOUT) -> None:
        self._base = f"{url}/ari"
        self._authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._tls = ssl.create_default_context() if url.startswith("https") else None
        self._timeout = timeout

    def make(self, phone: BrowserPhone) -> None:
        """Also for one that is there: it gets the new password, and calls on it go on."""
        phone = replace(phone, opus=any(name.startswith("codec_opus") for name in self.modules()))
        for kind, fields in phone.objects().items():
            body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
            self._send("PUT", f"{_OBJECTS}/{kind}/{phone.name}", body)

    def remove(self, name: str) -> None:
        """One that is not there is no error."""
        if not _NAME.fullmatch(name):
            raise BadValue("name", f"{name!r:.60} is not allowed")
        for kind in ("endpoint", "aor", "auth"):
            self._send("DELETE", f"{_OBJECTS}/{kind}/{name}", missing_ok=True)

    def check(self) -> None:
        """Returns if accounts could be made."""
        self._send("GET", f"{_OBJECTS}/endpoint/ringback-doctor", missing_ok=True)

    def reachable(self) -> frozenset[str]:
        """The names of all phones that are registered, and answer when they are asked."""
        told = json.loads(self._send("GET", "endpoints/PJSIP") or b"[]")
        return frozenset(str(each["resource"]) for each in told if each.get("state") == "online")

    def modules(self) -> frozenset[str]:
        """Of this Asterisk, those that run: "app_echo"."""
        told = json.loads(self._send("GET", "asterisk/modules") or b"[]")
        return frozenset(str(each["name"]).removesuffix(".so") for each in told if each.get("status") == "Running")

    def check_socket(self) -> None:
        """Returns if browsers could register: the same port takes SIP over a websocket, and asks for no log-in first."""
        place = urllib.parse.urlsplit(self._base)
        host, port, path = place.hostname or "", place.port, place.path.removesuffix("/ari") + "/ws"
        connection = (
            http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(host, port, timeout=self._timeout)
        )
        try:
            connection.request("GET", path, headers=_handshake())
            answer = connection.getresponse()
            if answer.status != 101 or answer.headers.get("Sec-WebSocket-Protocol") != "sip":
                raise SwitchRefused(f"{path} is answered with {answer.status} {answer.reason}".rstrip())
        except (OSError, http.client.HTTPException) as error:
            raise SwitchUnavailable("The telephone system's HTTP port cannot be reached") from error
        finally:
            connection.close()

    def _send(self, method: str, path: str, body: object = None, *, missing_ok: bool = False) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - the address is the administrator's
            f"{self._base}/{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": self._authorization, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout, context=self._tls) as answer:  # noqa: S310
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            told = _told(error)
            if error.code == 404 and missing_ok and "sorcery" not in told.lower() and "type" not in told.lower():
                return b""
            raise SwitchRefused(_reason(error.code, told)) from error
        except (OSError, ValueError) as error:
            raise SwitchUnavailable("The telephone system's HTTP port cannot be reached") from error


def _handshake() -> dict[str, str]:
    return {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "Sec-WebSocket-Protocol": "sip",
    }


def _told(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(2000)).get("message", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _reason(status: int, told: str) -> str:
    if status == 401:
        return "The telephone system refuses the log-in to ARI"
    if status == 403:
        return "A phone of this name is in the telephone system's own files"
    return f"The telephone system cannot make phones: {told[:120] or status}"
