"""Requests within the guard reach public addresses only, the very ones that were looked at, and end in time."""

import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from requests import adapters

from ohmycoins.core.guarded import NotTaken, Outcome, guarded
from ohmycoins.core.public import Allowed, read_allowed

HERE = read_allowed(["127.0.0.1"])
PUBLIC = "93.184.215.14"


class Web(http.server.ThreadingHTTPServer):
    """Answer as the path says, and keep what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), Pages)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Pages(http.server.BaseHTTPRequestHandler):
    server: Web

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        self.server.asked.append((self.path, self.rfile.read(size).decode(), dict(self.headers)))
        what, _, to = self.path.strip("/").partition("/")
        if what == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" if to else b"")
            for _ in range(100):
                self.wfile.write(b"H")
                time.sleep(0.05)
            return
        if what == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    self.wfile.write(b"a" * 65536)
            except OSError:
                return
        status = int(what) if what.isdigit() else 200
        self.send_response(status)
        if to:
            self.send_header("Location", to)
        if status == 429:
            self.send_header("Retry-After", "17")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_CONNECT = do_POST  # noqa: N815 - the names that http.server calls


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as server:
        yield server
        server.shutdown()


def post(url: str, allowed: Allowed = HERE, seconds: float = 5.0) -> tuple[Outcome, requests.Response | None]:
    with guarded(allowed, total_seconds=seconds) as outcome:
        try:
            return outcome, requests.post(url, data="hello", timeout=60)
        except NotTaken as error:
            assert url not in repr(error)
            assert error.__cause__ is None
            assert error.__context__ is None
            return outcome, None


def names(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[list[str]]]) -> list[str]:
    """Let names lead to these addresses, the first list the first time they are looked up; give what was asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **options: Any) -> Any:
        if host not in answers:
            return real(host, port, *args, **options)
        asked.append(host)
        now = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in now
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def connections(monkeypatch: pytest.MonkeyPatch, web: Web) -> list[Any]:
    """Note where connections go, and let those to the public internet end at `web`."""
    made: list[Any] = []
    connect = socket.socket.connect

    def note(self: socket.socket, address: Any) -> None:
        made.append(address[0])
        connect(self, ("127.0.0.1", web.server_port) if address[0] == PUBLIC else address)

    monkeypatch.setattr(socket.socket, "connect", note)
    return made


def test_post_to_an_allowed_host_is_taken(web: Web) -> None:
    outcome, answer = post(f"{web.url}/x")
    assert answer is not None
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert (outcome.status, outcome.reason) == (200, "")
    assert [(path, body) for path, body, _ in web.asked] == [("/x", "hello")]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.5"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::a00:1"], ["fd00::1"],
     [PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], ["0.0.0.0"], ["100.64.1.1"], ["2002:7f00:1::"]],
)  # fmt: skip
def test_name_that_leads_into_our_networks_is_not_connected_to(
    web: Web, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    names(monkeypatch, {"alerts.example.com": [addresses]})
    made = connections(monkeypatch, web)
    outcome, answer = post(f"http://alerts.example.com:{web.server_port}/", Allowed())
    assert answer is None
    assert outcome.reason == "its host leads to an address that is not on the public internet"
    assert not outcome.may_retry
    assert (made, web.asked) == ([], [])


def test_connection_goes_to_the_address_that_was_checked_though_the_name_leads_elsewhere_by_then(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch, {"alerts.example.com": [[PUBLIC], ["127.0.0.1"]]})
    made = connections(monkeypatch, web)
    outcome, answer = post("http://alerts.example.com/", Allowed())
    assert answer is not None, outcome
    assert (asked, made) == (["alerts.example.com"], [PUBLIC])
    assert web.asked[0][2]["Host"] == "alerts.example.com"


def test_name_that_leads_elsewhere_for_the_redirect_is_checked_again(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch, {"alerts.example.com": [[PUBLIC], ["127.0.0.1"]]})
    made = connections(monkeypatch, web)
    outcome, answer = post("http://alerts.example.com/307/http://alerts.example.com/again", Allowed())
    assert answer is None
    assert outcome.reason == "its host leads to an address that is not on the public internet"
    assert (len(asked), made) == (2, [PUBLIC])


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.1:1/", "http://localhost:1/", "http://169.254.169.254/", "http://[::1]/", "http://2130706433/",
     "http://0x7f.1/", "http://10.0.0.1/", "http://metadata.google.internal/", "http://a@alerts.example.com/",
     "file:///etc/passwd", "ftp://alerts.example.com/", "//localhost/", "http://[::ffff:10.0.0.1]/"],
)  # fmt: skip
def test_redirect_into_our_networks_is_not_followed(
    web: Web, monkeypatch: pytest.MonkeyPatch, status: int, to: str
) -> None:
    names(monkeypatch, {"alerts.example.com": [[PUBLIC]]})
    made = connections(monkeypatch, web)
    outcome, answer = post(f"http://alerts.example.com/{status}/{to}", Allowed())
    assert answer is None
    assert outcome.reason.startswith("its address ")
    assert not outcome.may_retry
    assert made == [PUBLIC]


def test_redirect_that_keeps_the_method_is_followed_with_the_body(web: Web) -> None:
    outcome, answer = post(f"{web.url}/307/{web.url}/there")
    assert answer is not None, outcome
    assert [body for _, body, _ in web.asked] == ["hello", "hello"]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirect_that_would_turn_the_post_into_a_get_is_a_failure_that_says_so(
    web: Web, status: int
) -> None:
    outcome, _ = post(f"{web.url}/{status}/{web.url}/there")
    assert outcome.reason == f"answered {status}: it redirects; store where it leads to"
    assert not outcome.may_retry
    assert len(web.asked) == 1


def test_fourth_redirect_is_not_followed(web: Web) -> None:
    url = web.url
    for _ in range(4):
        url = f"{web.url}/307/{url}"
    outcome, _ = post(url)
    assert outcome.reason == "redirected more than 3 times"
    assert len(web.asked) == 4


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_of_the_environment_is_no_way_around(
    web: Web, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, web.url)
    names(monkeypatch, {"alerts.example.com": [["10.0.0.9"]]})
    outcome, answer = post("http://alerts.example.com/", Allowed())
    assert answer is None
    assert outcome.reason == "its host leads to an address that is not on the public internet"
    assert web.asked == []


@pytest.mark.parametrize(
    ("status", "may_retry", "retry_after"),
    [(400, False, None), (404, False, None), (408, True, None), (429, True, 17.0), (500, True, None), (503, True, None)],
)  # fmt: skip
def test_refusal_says_its_status_and_whether_to_try_again(
    web: Web, status: int, may_retry: bool, retry_after: float | None
) -> None:
    outcome, _ = post(f"{web.url}/{status}")
    assert (outcome.reason, outcome.may_retry, outcome.retry_after) == (
        f"answered {status}", may_retry, retry_after,
    )  # fmt: skip


def test_answer_that_drips_ends_at_the_deadline(web: Web) -> None:
    began = time.monotonic()
    outcome, answer = post(f"{web.url}/drip", seconds=0.5)
    assert answer is None
    assert time.monotonic() - began < 2
    assert outcome.reason == "was still answering when its time was up"
    assert outcome.may_retry


def test_success_whose_body_drips_was_said_all_the_same(web: Web) -> None:
    began = time.monotonic()
    outcome, answer = post(f"{web.url}/drip/body", seconds=0.5)
    assert time.monotonic() - began < 2
    assert answer is not None, outcome
    assert outcome.reason == ""


def test_endless_answer_is_not_kept(web: Web) -> None:
    outcome, answer = post(f"{web.url}/endless")
    assert answer is not None, outcome
    assert len(answer.content) == 64 * 1024


def test_port_that_nobody_listens_on_says_so(web: Web) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        outcome, _ = post(f"http://127.0.0.1:{free.getsockname()[1]}/secret")
    assert (outcome.reason, outcome.may_retry) == ("could not be reached: Connection refused", True)


def test_name_that_nobody_knows_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **options: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    outcome, _ = post("http://alerts.example.com/", Allowed())
    assert (outcome.reason, outcome.may_retry) == ("its host's name could not be looked up", True)


@pytest.mark.parametrize("name", ["alerts.example.com", "other.example.com"])
def test_certificate_must_be_good_for_the_name_though_the_address_is_pinned(
    web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(_certificate("alerts.example.com"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    names(monkeypatch, {name: [[PUBLIC]]})
    connections(monkeypatch, web)
    monkeypatch.setattr(adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    outcome, answer = post(f"https://{name}/", Allowed())
    if name == "alerts.example.com":
        assert answer is not None, outcome
    else:
        assert outcome.reason == "has no TLS certificate that is good for its name"
        assert web.asked == []


def _certificate(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def test_other_threads_and_what_comes_after_are_not_guarded(web: Web) -> None:
    answers: list[int] = []
    with guarded(Allowed(), total_seconds=5):
        other = threading.Thread(
            target=lambda: answers.append(requests.post(f"{web.url}/x", timeout=5).status_code)
        )
        other.start()
        other.join()
        with pytest.raises(NotTaken):
            requests.post(f"{web.url}/x", timeout=5)
    answers.append(requests.get(f"{web.url}/302/{web.url}/y", timeout=5).status_code)
    assert answers == [200, 200]
    assert [path for path, _, _ in web.asked][-1] == "/y"
