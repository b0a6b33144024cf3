"""One story for each defect of the library underneath, numbered; then bytes as hostile as they come."""

from __future__ import annotations

import logging
import random
import ssl
import subprocess
import sys
import textwrap
import threading

import pytest

import telephony.ami.client as client_module
from telephony.ami.client import AmiClient, AmiError, AnswerTimeout, AuthRefused, ConnectionLost
from telephony.ami.frames import Frame
from telephony.ami.listening import WANTED
from telephony.errors import BadValue
from telephony.fake.asterisk import FakeAsterisk, FakeUser
from tests.telephony.wires import USERS, Script, eventually, logged_in, scripted


@pytest.fixture
def pbx():
    with FakeAsterisk(USERS) as pbx:
        yield pbx


def event(name="Hold", **headers):
    return (
        "\r\n".join([f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items())]).encode() + b"\r\n\r\n"
    )


def test_01_the_socket_is_read_in_large_pieces_not_byte_by_byte(pbx, monkeypatch):
    reads = []

    class Counting:
        def __init__(self, wire):
            self._wire = wire

        def recv_into(self, buffer):
            reads.append(1)
            return self._wire.recv_into(buffer)

        def __getattr__(self, name):
            return getattr(self._wire, name)

    def counted(*args):
        wire, *rest = client_module_open(*args)
        return Counting(wire), *rest

    client_module_open = client_module.open_wire
    monkeypatch.setattr(client_module, "open_wire", counted)
    got = []
    with logged_in(pbx, on_frames=got.extend, wanted={"Hold": None}):
        pbx.send_raw(event(Channel="PJSIP/alice-00000001") * 20_000)
        eventually(lambda: len(got) == 20_000)
    assert len(reads) < 2_000


def test_02_a_stalled_handler_neither_stops_the_reader_nor_fills_the_memory(pbx):
    got, gate = [], threading.Event()
    with logged_in(pbx, on_frames=got.extend, wanted={"Hold": None}) as alice:
        alice.register_event("Hold", lambda event, client: gate.wait(10) and None)
        for _ in range(4):
            pbx.send_raw(event() * 5_000)
        eventually(lambda: len(got) == 20_000)
        assert alice.ping()["Response"] == "Success"
        assert alice._backlog.waiting <= 10_000
        assert alice.overflowed >= 5_000
        names = {thread.name for thread in alice._threads}
        gate.set()
    assert names == {"ami-reader", "ami-keepalive", "ami-dispatch"}


def test_03_channel_variables_do_not_kill_the_reader(pbx):
    seen = []
    with logged_in(pbx) as alice:
        alice.register_event("Hold", lambda event, client: seen.append(event["ChanVariable"]))
        pbx.send_raw(b"Event: Hold\r\nChanVariable: a=1\r\nChanVariable: b=2=3\r\n\r\n")
        pbx.send_raw(event(ChanVariable="no equals sign"))
        eventually(lambda: len(seen) == 2)
        assert alice.ping()["Response"] == "Success"
    assert seen == [["a=1", "b=2=3"], "no equals sign"]


def test_04_status_will_follow_in_a_value_swallows_nothing(pbx):
    got = []
    with logged_in(pbx, on_frames=got.extend, wanted={"Hold": None, "VarSet": None}):
        pbx.send_raw(event("VarSet", Value="Channel status will follow") + event() + event())
        eventually(lambda: len(got) == 3)


def test_05_a_repeated_header_keeps_all_its_values():
    with scripted() as (switch, alice):
        answers = []
        asking = threading.Thread(target=lambda: answers.append(alice.command("core show uptime")))
        asking.start()
        switch.answer(switch.action(), "Message: Command output follows", "Output: one", "Output: ", "Output: three")
        asking.join(10)
    assert answers[0].data == "one\n\nthree"
    assert answers[0].headers["Output"] == ["one", "", "three"]


def test_06_an_action_inherits_nothing_from_the_one_before(pbx):
    with logged_in(pbx) as alice:
        asked = {"Action": "Originate", "Channel": "PJSIP/alice"}
        alice.send_action(asked, Exten="2101234567")
        alice.send_action(Action="Ping")
        assert asked == {"Action": "Originate", "Channel": "PJSIP/alice"}
        assert set(pbx.asked("Ping")[0]) == {"Action", "ActionID"}
        assert pbx.asked("Ping")[0]["ActionID"] != pbx.asked("Originate")[0]["ActionID"]


def test_07_each_thread_gets_its_own_answer_whatever_their_order():
    with scripted() as (switch, client):
        answers = {}

        def ask(name):
            answers[name] = client.send_action({"Action": "Getvar", "Variable": name})["Value"]

        threads = [threading.Thread(target=ask, args=(name,)) for name in ("alice", "bob", "charlie")]
        for thread in threads:
            thread.start()
        actions = [switch.action() for _ in threads]
        for action in reversed(actions):
            switch.answer(action, f"Value: {action['Variable']}")
        for thread in threads:
            thread.join(10)
    assert answers == {"alice": "alice", "bob": "bob", "charlie": "charlie"}


def test_08_a_silent_peer_holds_nobody_up(pbx):
    with logged_in(pbx, timeout=0.1, ping_interval=60) as alice:
        pbx.silent = True
        with pytest.raises(AnswerTimeout):
            alice.command("core show uptime")


def test_08_who_never_greets_is_not_waited_for():
    mute, raised = Script(banner=b""), []

    def connect():
        try:
            AmiClient(timeout=0.1).connect("127.0.0.1", mute.port)
        except ConnectionLost as error:
            raised.append(str(error))

    alice = threading.Thread(target=connect, daemon=True)
    alice.start()
    alice.join(10)
    assert len(raised) == 1
    assert "timed out" in raised[0]
    mute.close()


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n", b"x" * 5000, b"SSH-2.0-OpenSSH\r\n"])
def test_08_what_does_not_greet_as_asterisk_is_no_switch(greeting):
    stranger = Script(banner=greeting)
    with pytest.raises(ConnectionLost, match="no AMI greeting"):
        AmiClient(timeout=5).connect("127.0.0.1", stranger.port)
    stranger.close()


class _Wire:
    """A wire for one thread: what is sent is answered, or ends all, before sendall() returns."""

    def __init__(self, client, respond):
        self._client, self._respond = client, respond
        self.sent = b""

    def sendall(self, data):
        self.sent += data
        self._respond(self._client, Frame(data))

    def shutdown(self, how): ...
    def close(self): ...


def on_a_wire(respond):
    client = AmiClient(timeout=5)
    client._sock = wire = _Wire(client, respond)
    client._connected.set()
    return client, wire


def test_09_an_answer_that_is_faster_than_the_sender_is_not_missed():
    def respond(client, action):
        client._sort(f"Response: Success\r\nActionID: {action['ActionID']}\r\nPing: Pong\r\n\r\n".encode())

    alice, _ = on_a_wire(respond)
    assert alice.ping()["Ping"] == "Pong"


def test_09_a_disconnection_between_writing_and_waiting_leaves_nobody_waiting():
    alice, _ = on_a_wire(lambda client, action: client._disconnected("cut"))
    with pytest.raises(ConnectionLost, match="cut"):
        alice.ping()
    with pytest.raises(ConnectionLost, match="not connected"):
        alice.ping()


def test_09_a_wire_that_breaks_while_writing_says_so():
    def respond(client, action):
        raise ValueError("I/O operation on closed file")

    alice, _ = on_a_wire(respond)
    with pytest.raises(ConnectionLost, match="closed file"):
        alice.ping()
    assert alice.lost.is_set()


@pytest.mark.parametrize("break_", [*map(chr, range(32)), "\x7f"])
def test_10_no_control_character_gets_onto_the_wire(break_):
    alice, wire = on_a_wire(lambda client, action: None)
    evil = f"Charlie{break_}Application: System"
    for action in (
        {"Action": "Originate", "CallerID": evil},
        {"Action": "Originate", "Variable": ["CRM_A=1", f"CRM_B={evil}"]},
        {"Action": "QueuePause", evil: "x"},
        {"Action": "Ping", "ActionID": evil},
    ):
        with pytest.raises(BadValue):
            alice.send_action(action)
    with pytest.raises(BadValue) as refused:
        alice.originate("PJSIP/alice", "2101234567", caller_id=evil)
    assert refused.value.field == "CallerID"
    assert wire.sent == b""


@pytest.mark.parametrize("name", ["", "A B", "A:", "1A", "Ä", "A_B", "-"])
def test_10_nor_does_a_name_that_is_none(name):
    alice, wire = on_a_wire(lambda client, action: None)
    with pytest.raises(BadValue):
        alice.send_action({"Action": "Ping", name: "x"})
    assert wire.sent == b""


def test_10_nor_a_line_that_the_switch_would_throw_away_nor_half_a_character():
    alice, wire = on_a_wire(lambda client, action: None)
    for value in ("x" * 1018, "\udcff"):
        with pytest.raises(BadValue):
            alice.send_action({"Action": "Ping", "Val": value})
    assert wire.sent == b""


def test_11_a_handler_that_fails_is_counted_and_the_others_are_called(pbx):
    seen = []

    def fails(event, client):
        raise RuntimeError("Bob's handler")

    with logged_in(pbx) as alice:
        alice.register_event("Hold", fails)
        alice.register_event("*", lambda event, client: seen.append(event.name))
        pbx.send_raw(event() * 3)
        eventually(lambda: seen.count("Hold") == 3)
        assert alice.handler_errors == 3
        assert alice.connected()


def test_11_so_is_one_that_takes_the_raw_frames(pbx):
    def fails(frames):
        raise RuntimeError("disk")

    with logged_in(pbx, on_frames=fails) as alice:
        pbx.send_raw(event())
        eventually(lambda: alice.handler_errors)
        assert alice.ping()["Response"] == "Success"


def test_11_a_handler_may_ask_the_switch_and_end_the_round(pbx):
    answers, later = [], []

    def asks(event, client):
        answers.append(client.ping()["Response"])
        return True

    with logged_in(pbx) as alice:
        alice.register_event("Hold", asks)
        alice.register_event("Hold", lambda event, client: later.append(event))
        pbx.send_raw(event())
        eventually(lambda: answers == ["Success"])
        alice.unregister_event("Hold", asks)
        pbx.send_raw(event())
        eventually(lambda: len(later) == 1)
    assert answers == ["Success"]


def test_12_a_lost_connection_is_told_once_and_wakes_who_waits():
    told, woken = [], []
    with scripted(timeout=60, on_disconnect=lambda client, reason: told.append(reason)) as (switch, alice):

        def wait():
            try:
                alice.ping()
            except ConnectionLost as error:
                woken.append(str(error))

        waiting = [threading.Thread(target=wait) for _ in range(3)]
        for thread in waiting:
            thread.start()
        for _ in waiting:
            switch.action()
        switch.hang_up()
        for thread in waiting:
            thread.join(10)
        eventually(lambda: told)
        assert not alice.connected()
    assert told == ["closed by the switch"]
    assert woken == ["connection lost: closed by the switch"] * 3


def test_12_an_object_connects_once_and_another_one_connects_again(pbx):
    with logged_in(pbx) as alice:
        pbx.drop()
        eventually(alice.lost.is_set)
        with pytest.raises(AmiError, match="once"):
            alice.connect(pbx.host, pbx.port)
        assert not alice.connected()
    with logged_in(pbx) as again:
        assert again.ping()["Response"] == "Success"


def test_12_closing_on_purpose_is_no_loss(pbx):
    told = []
    with logged_in(pbx, on_disconnect=lambda client, reason: told.append(reason)) as alice:
        pass
    alice.close()
    assert told == []
    assert pbx.asked("Logoff")
    assert not any(thread.is_alive() for thread in alice._threads)


def test_12_nor_is_it_when_the_switch_hangs_up_before_we_do(pbx):
    class Slow(AmiClient):
        def send_action(self, cdict, *args, **kwargs):
            answer = super().send_action(cdict, *args, **kwargs)
            if cdict["Action"] == "Logoff":
                assert self.lost.wait(10)  # the switch closed the connection, and its reader has seen that
            return answer

    told = []
    alice = Slow(on_disconnect=lambda client, reason: told.append(reason))
    alice.connect(pbx.host, pbx.port)
    alice.login("crm", "crm's secret")
    alice.close()
    assert (told, alice.lost_reason) == ([], "closed")


def test_12_a_failure_inside_the_reader_ends_the_connection_visibly(pbx, monkeypatch):
    told = []
    with logged_in(pbx, on_disconnect=lambda client, reason: told.append(reason)) as alice:
        monkeypatch.setattr(alice, "_malformed", lambda raw: 1 / 0)
        pbx.send_raw(b"no header\r\n\r\n")
        eventually(lambda: told)
        assert "ZeroDivisionError" in told[0]
        assert not alice.connected()


def run_alone(program, timeout=30):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_13_the_garbage_collector_does_not_wait_for_a_network():
    out = run_alone("""
        import gc
        from telephony.ami.client import AmiClient
        from telephony.fake.asterisk import FakeAsterisk, FakeUser
        pbx = FakeAsterisk({"crm": FakeUser("s")}); pbx.up()
        client = AmiClient(timeout=3600, ping_interval=3600)
        client.connect(pbx.host, pbx.port); client.login("crm", "s")
        pbx.silent = True
        del client; AmiClient().__del__(); gc.collect(); print("out")
    """)
    assert out == "out"


def test_14_ipv6():
    try:
        pbx = FakeAsterisk(USERS, host="::1")
        pbx.up()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with logged_in(pbx) as alice:
        assert alice.ping()["Response"] == "Success"
    pbx.close()


def test_14_tls_with_traffic_both_ways(tmp_path):
    key = tmp_path / "key.pem"
    certificate = tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    try:
        subprocess.run([*make.split(), "-keyout", key, "-out", certificate], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl to make a certificate with")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    got = []
    with FakeAsterisk(USERS, tls=server) as pbx:
        trust = ssl.create_default_context(cafile=str(certificate))
        with logged_in(pbx, tls=trust, on_frames=got.extend, wanted={"Hold": None}, timeout=10) as alice:
            sending = threading.Thread(target=lambda: [pbx.send_raw(event(n=n) * 10) for n in range(200)])
            sending.start()
            for _ in range(50):
                assert alice.ping()["Response"] == "Success"
            sending.join(10)
            eventually(lambda: len(got) == 2000)
        stranger = AmiClient(tls=ssl.create_default_context())
        with pytest.raises(ConnectionLost, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.connect(pbx.host, pbx.port)


def test_14_the_socket_is_set_up_for_long_quiet_links_and_short_messages(pbx):
    import socket

    with logged_in(pbx) as alice:
        assert alice._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert alice._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert alice._sock.gettimeout() == alice.timeout


def test_14_a_half_open_link_is_noticed_by_ping(pbx):
    told = []
    with logged_in(
        pbx, ping_interval=0.05, timeout=0.1, on_disconnect=lambda client, reason: told.append(reason)
    ) as alice:
        pbx.wait_for_action("Ping")
        assert alice.connected()
        pbx.silent = True
        eventually(lambda: told)
    assert "no answer to ping" in told[0]


def test_15_the_secret_does_not_cross_the_wire_and_only_wanted_classes_come_back(pbx):
    got = []
    with logged_in(pbx, "call,agent", on_frames=got.extend):
        login = pbx.asked("Login")[0]
        assert login["Events"] == "call,agent"
        assert login["AuthType"] == "MD5"
        assert "crm's secret" not in str(pbx.actions)
        pbx.send(event("VarSet", Privilege="dialplan,all")[:-4], event("Hold", Privilege="call,all")[:-4])
        eventually(lambda: got)
    assert [Frame(raw).name for raw in got] == ["Hold"]


def test_15_a_switch_without_challenge_is_logged_in_to_all_the_same():
    with FakeAsterisk(USERS, challenges=False) as pbx, logged_in(pbx) as alice:
        assert alice.ping()["Response"] == "Success"


def test_15_a_wrong_secret_is_refused_and_not_tried_in_clear(pbx):
    client = AmiClient()
    client.connect(pbx.host, pbx.port)
    with pytest.raises(AuthRefused, match="Authentication failed"):
        client.login("crm", "guess")
    assert len(pbx.asked("Login")) == 1
    client.close()


def test_16_a_message_that_is_neither_event_nor_answer_shifts_no_answer():
    with scripted() as (switch, alice):
        answers = []
        asking = threading.Thread(target=lambda: answers.append(alice.ping()))
        asking.start()
        action = switch.action()
        switch.send(b"What: is this\r\n\r\nResponse: Success\r\nPing: nobody's\r\n\r\n")
        switch.send(b"Response: Success\r\nActionID: another\r\nPing: another's\r\n\r\n")
        switch.answer(action, "Ping: mine")
        asking.join(10)
        assert answers[0]["Ping"] == "mine"
        assert alice.malformed == 1


def test_17_bytes_that_are_no_utf8_are_seen_to_have_been_there(pbx):
    seen = []
    with logged_in(pbx) as alice:
        alice.register_event("Hold", lambda event, client: seen.append(event["CallerIDName"]))
        pbx.send_raw(b"Event: Hold\r\nCallerIDName: A\xff\xfeB\xc3\r\n\r\n")
        eventually(lambda: seen)
    assert seen == ["A\ufffd\ufffdB\ufffd"]


def test_18_nothing_is_printed_and_oddities_are_logged(pbx, capsys, caplog):
    with caplog.at_level(logging.DEBUG), logged_in(pbx):
        pbx.send_raw(b"no header at all\r\n\r\n")
        eventually(lambda: "neither event nor answer" in caplog.text)
    assert capsys.readouterr().out == ""


def test_18_whoever_logs_off_has_lost_nothing(pbx, caplog):
    with logged_in(pbx) as alice:
        alice.close()
    assert "lost" not in caplog.text


def test_18_a_switch_that_hangs_up_is_complained_of(pbx, caplog):
    with logged_in(pbx) as alice:
        pbx.drop()
        eventually(alice.lost.is_set)
        eventually(lambda: "connection lost" in caplog.text)


def test_19_list_answers_are_collected_and_kept_from_the_handlers(pbx):
    seen = []
    with logged_in(pbx) as alice:
        alice.register_event("*", lambda event, client: seen.append(event.name))
        pbx.send(event("Newchannel", Uniqueid="1.1", Linkedid="1.1", Channel="PJSIP/trunk-00000001")[:-4])
        answer = alice.send_action({"Action": "CoreShowChannels"})
        assert [entry["Channel"] for entry in answer.events] == ["PJSIP/trunk-00000001"]
        pbx.send_raw(event())
        eventually(lambda: "Hold" in seen)
    assert not {"CoreShowChannel", "CoreShowChannelsComplete"} & set(seen)


def test_19_events_between_the_entries_of_a_list_go_their_own_way():
    got = []
    with scripted(on_frames=got.extend) as (switch, alice):
        answers = []
        asking = threading.Thread(target=lambda: answers.append(alice.send_action({"Action": "Status"})))
        asking.start()
        action = switch.action()
        own = f"ActionID: {action['ActionID']}"
        switch.answer(action, "EventList: start")
        switch.send(f"Event: Status\r\n{own}\r\nChannel: a\r\n\r\nEvent: Hold\r\nChannel: b\r\n\r\n".encode())
        switch.send(b"Event: Status\r\nActionID: 12345\r\nChannel: somebody else's\r\n\r\n")
        switch.send(f"Event: Status\r\nChannel: c\r\n{own}\r\n\r\n".encode())
        switch.send(f"Event: StatusComplete\r\n{own}\r\nEventList: Complete\r\n\r\n".encode())
        asking.join(10)
        eventually(lambda: len(got) == 2)
    assert [entry["Channel"] for entry in answers[0].events] == ["a", "c"]
    assert [Frame(raw)["Channel"] for raw in got] == ["b", "somebody else's"]


def test_19_a_list_that_is_never_completed_has_an_end_too():
    with scripted(timeout=0.1, list_timeout=0.2) as (switch, alice):
        raised = []

        def ask():
            try:
                alice.send_action({"Action": "Status"})
            except AmiError as error:
                raised.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        switch.answer(switch.action(), "EventList: start")
        asking.join(10)
    assert isinstance(raised[0], AnswerTimeout)


# what a stream may bring, in pieces of every size


def stream():
    yield from (event("Hold", Channel=f"PJSIP/alice-{number:08x}") for number in range(3_000))
    yield event("Newchannel", CallerIDName="Ιωάννα Παπαδοπούλου 日本 🙂")
    yield b"Event: Newchannel\r\nCallerIDName: A\xff\xfeB\xc3\r\n\r\n"
    yield b"Event: UserEvent\r\nVariable: a=1\r\nVariable: b=2\r\nVariable: c=3\r\n\r\n"
    yield event("VarSet", Value="https://example.com: 8080: x")
    yield b"Event: Newexten\r\nExten:\r\nContext:in-queue\r\nPriority: 1\r\n\r\n"
    yield b"Event: Newchannel\r\nno header here\r\nUniqueid: 7.7\r\n\r\n"
    yield event("VarSet", Value="status will follow")
    yield event("VarSet", Value="x" * 200_000)
    yield event("Hangup")


@pytest.mark.parametrize("largest", [1, 7, 4096])
def test_a_stream_in_pieces_of_any_size_arrives_whole_and_in_order(largest):
    dice = random.Random(largest)
    data = b"".join(stream()) if largest > 1 else b"".join([*stream()][2_900:])
    received = []
    with scripted(on_frames=received.extend) as (switch, _):
        at = 0
        while at < len(data):
            size = dice.randint(1, largest) if at < 400_000 and data[at : at + 1000] != b"x" * 1000 else 20_000
            switch.send(data[at : at + size])
            at += size
        eventually(lambda: received and Frame(received[-1]).name == "Hangup", 30)
    frames = [Frame(raw) for raw in received]
    holds = [frame["Channel"] for frame in frames if frame.name == "Hold"]
    first = 0 if largest > 1 else 2_900
    assert holds == [f"PJSIP/alice-{number:08x}" for number in range(first, 3_000)]
    utf8, broken, repeated, colons, bare, torn, status, huge, _ = frames[len(holds) :]
    assert utf8["CallerIDName"] == "Ιωάννα Παπαδοπούλου 日本 🙂"
    assert broken["CallerIDName"] == "A\ufffd\ufffdB\ufffd"
    assert repeated.getlist("Variable") == ["a=1", "b=2", "c=3"]
    assert colons["Value"] == "https://example.com: 8080: x"
    assert (bare["Exten"], bare["Context"]) == ("", "in-queue")
    assert torn["Uniqueid"] == "7.7"
    assert torn.tainted
    assert status["Value"] == "status will follow"
    assert len(huge["Value"]) == 200_000


def test_a_message_without_end_is_dropped_and_the_next_one_comes(pbx):
    got = []
    with logged_in(pbx, on_frames=got.extend, wanted={"Hold": None}) as alice:
        pbx.send_raw(b"Event: Hold\r\nX: " + b"x" * 3_000_000 + b"\r\n\r\n" + event(Channel="next"))
        eventually(lambda: got)
        assert [Frame(raw)["Channel"] for raw in got] == ["next"]
        assert alice.oversize == 1


def test_what_is_not_wanted_is_not_even_decoded(pbx):
    got = []
    with logged_in(pbx, on_frames=got.extend, wanted={"Hangup": None}):
        pbx.send_raw(event("VarSet", Value="\xff") * 3 + event("Hangup") + event("Hangups"))
        pbx.send_raw(b"Event: Hangup\r\n\r\n")
        eventually(lambda: len(got) == 2)
    assert [Frame(raw).name for raw in got] == ["Hangup", "Hangup"]


def test_of_variables_and_dialplan_steps_only_those_that_tell_of_calls_are_kept(pbx):
    got = []
    variables = ["__CRM_CALL_ID", "QUEUESTATUS", "QUEUESTATUS2", "SIPCALLID", "VMSTATUS"]
    with logged_in(pbx, on_frames=got.extend, wanted=WANTED):
        pbx.send_raw(b"".join(event("VarSet", Variable=name, Value="CRM_") for name in variables))
        pbx.send_raw(event("Newexten", Application="Queue", AppData="sales") + event("Newexten", Application="Dial"))
        pbx.send_raw(event("Hangup", Channel="last"))
        eventually(lambda: got and b"last" in got[-1])
    frames = [Frame(raw) for raw in got if b"FullyBooted" not in raw]
    assert [frame.get("Variable") or frame.name for frame in frames] == [
        *("__CRM_CALL_ID", "QUEUESTATUS", "VMSTATUS", "Newexten", "Hangup")
    ]


def test_the_rest_of_a_frame_that_a_caller_broke_in_two_is_kept_for_the_tracker(pbx):
    got = []
    with logged_in(pbx, on_frames=got.extend, wanted={"Newchannel": None}):
        pbx.send_raw(b"Event: Newchannel\r\nCallerIDNum: 69\r\n\r\nX: y\r\nUniqueid: 1.1\r\n\r\n")
        eventually(lambda: len(got) == 2)
    assert got[1] == b"X: y\r\nUniqueid: 1.1"


def test_the_old_action_methods_still_work(pbx):
    with logged_in(pbx) as alice:
        answer = alice.originate(
            "PJSIP/alice", "2101234567", context="out", priority="1", run_async=True, variables={"CRM_A": "1", "B": "2"}
        )
        assert answer["Message"] == "Originate successfully queued"
        assert alice.hangup("PJSIP/nobody-00000001").get_header("Message") == "No such channel"
        assert alice.send_action({"Action": "NoSuch"}).ok is False
    sent = pbx.asked("Originate")[0]
    assert (sent["Async"], sent["Context"]) == ("yes", "out")


def test_a_user_who_may_not_is_told_so():
    users = {"crm": FakeUser("crm's secret", actions=("Hangup",))}
    with FakeAsterisk(users) as pbx, logged_in(pbx) as alice:
        assert alice.originate("PJSIP/alice", "1").text == "Permission denied"


def test_the_readers_thread_cannot_be_made_to_wait_for_itself(pbx):
    raised = []

    def asks(frames):
        try:
            alice.ping()
        except AmiError as error:
            raised.append(error)

    with logged_in(pbx, on_frames=asks) as alice:
        pbx.send_raw(event())
        eventually(lambda: raised)
        assert alice.ping()["Response"] == "Success"


def test_under_gevent_the_same_client_connects_logs_in_acts_and_hears():
    pytest.importorskip("gevent")
    out = run_alone("""
        from gevent import monkey; monkey.patch_all()
        import threading, time
        from telephony.ami.client import AmiClient
        from telephony.fake.asterisk import FakeAsterisk, FakeUser
        got, ticks, done = [], [], threading.Event()
        def tick():
            while not done.is_set():
                ticks.append(time.monotonic()); time.sleep(0.01)
        with FakeAsterisk({"crm": FakeUser("s")}) as pbx:
            client = AmiClient(on_frames=got.extend, wanted={"Hold": None}, ping_interval=0.05, timeout=10)
            client.connect(pbx.host, pbx.port); client.login("crm", "s")
            heard = []
            client.register_event("Hold", lambda event, client: heard.append(client.ping()["Ping"]))
            ticker = threading.Thread(target=tick); ticker.start()
            pbx.send_raw(b"Event: Hold\\r\\nChannel: a\\r\\n\\r\\n")
            while not heard: time.sleep(0.01)
            client.originate("PJSIP/alice", "2101234567", run_async=True)
            pbx.send_raw(b"Event: Hold\\r\\nChannel: a\\r\\n\\r\\n" * 5000)
            while len(got) < 5001: time.sleep(0.01)
            done.set(); ticker.join()
            print(heard[0], len(got), len(ticks) > 1, bool(pbx.asked("Originate")))
            client.close()
    """)
    assert out == "Pong 5001 True True"
