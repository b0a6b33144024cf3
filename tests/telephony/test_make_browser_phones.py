"""Accounts of browser phones on a running PBX: made, renewed, removed, and what is said when that is not possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from telephony.ari import AriPhones, BrowserPhone
from telephony.errors import BadValue, SwitchRefused, SwitchUnavailable
from telephony.fake.ari import FakeAri

ERIN = BrowserPhone("erin", "a password", "from-agents", "Erin Walsh")


@pytest.fixture
def ari() -> Iterator[FakeAri]:
    with FakeAri() as ari:
        yield ari


@pytest.fixture
def phones(ari: FakeAri) -> AriPhones:
    return AriPhones(ari.url, "ringback-phones", "secret")


def test_an_account_is_complete_and_speaks_webrtc(ari: FakeAri, phones: AriPhones) -> None:
    phones.make(ERIN)
    endpoint = ari.objects["endpoint", "erin"]
    assert ari.objects["auth", "erin"] == {"auth_type": "userpass", "username": "erin", "password": "a password"}
    assert ari.objects["aor", "erin"]["max_contacts"] == "1"
    assert (endpoint["webrtc"], endpoint["context"], endpoint["auth"]) == ("yes", "from-agents", "erin")
    assert endpoint["callerid"] == '"Erin Walsh" <erin>'


@pytest.mark.parametrize(
    ("loaded", "allowed"),
    [("codec_g722", "alaw,ulaw"), ("codec_opus", "opus,alaw,ulaw"), ("codec_opus_open_source", "opus,alaw,ulaw")],
)
def test_it_speaks_opus_where_the_pbx_can_make_it_into_what_trunks_speak(
    ari: FakeAri, phones: AriPhones, loaded: str, allowed: str
) -> None:
    ari.modules |= {loaded, "res_format_attr_opus"}
    phones.make(ERIN)
    assert ari.objects["endpoint", "erin"]["allow"] == allowed


def test_it_gets_a_new_password_and_is_removed_whole(ari: FakeAri, phones: AriPhones) -> None:
    phones.make(ERIN)
    phones.make(replace(ERIN, password="another"))
    assert ari.objects["auth", "erin"]["password"] == "another"
    phones.remove("erin")
    assert ari.objects == {}
    phones.remove("erin")  # and once more is no error


def test_a_name_cannot_bring_anything_else_with_it(ari: FakeAri, phones: AriPhones) -> None:
    for name in ("", "erin/../bob", "erin?x", "erin\r\n", "a" * 41):
        with pytest.raises(BadValue):
            replace(ERIN, name=name)
        with pytest.raises(BadValue):
            phones.remove(name)
    with pytest.raises(BadValue):
        replace(ERIN, context="from agents")
    phones.make(replace(ERIN, caller='Erin" <1>\r\nX: y'))
    assert ari.objects["endpoint", "erin"]["callerid"] == '"Erin   1   X: y" <erin>'


def test_what_went_wrong_is_said(ari: FakeAri, phones: AriPhones) -> None:
    ari.static.add("erin")
    with pytest.raises(SwitchRefused, match="own files"):
        phones.make(ERIN)
    with pytest.raises(SwitchRefused, match="log-in"):
        AriPhones(ari.url, "ringback-phones", "wrong").make(ERIN)
    phones.check()


def test_a_port_that_does_not_answer_is_unavailable() -> None:
    with FakeAri() as ari:
        url = ari.url
    with pytest.raises(SwitchUnavailable, match="HTTP"):
        AriPhones(url, "ringback-phones", "secret", timeout=1).make(ERIN)


def test_the_password_is_in_no_text_of_it() -> None:
    assert "a password" not in repr(ERIN)
