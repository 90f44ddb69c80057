"""Fetching within limits, from a real server that misbehaves."""

import gzip
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ohmycoins.core import http
from ohmycoins.core.errors import PermanentError, TransientError
from ohmycoins.core.http import Ask, Page


def fetch(url: str, **options: Any) -> Page:
    return http.request(Ask(url=url, **options))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        getattr(self, self.path.split("?")[0].strip("/"))()

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def fine(self) -> None:
        self._send(200, b"ok", X_Test="yes", Content_Type="application/json; charset=utf-8")

    def busy(self) -> None:
        self._send(429, b"")

    def down(self) -> None:
        self._send(503, b"")

    def missing(self) -> None:
        self._send(404, b"")

    def moved(self) -> None:
        self._send(302, b"", Location="/fine?again=1")

    def away(self) -> None:
        self._send(302, b"", Location="http://localhost:1/fine")

    def nonsense(self) -> None:
        self._send(302, b"", Location="http://[")

    def circle(self) -> None:
        self._send(302, b"", Location="/circle")

    def elsewhere(self) -> None:
        self._send(302, b"", Location="ftp://example.com/")

    def page(self) -> None:
        self._send(200, b"<html></html>", Content_Type="text/html")

    def wait(self) -> None:
        self._send(429, b"", Retry_After=self.path.partition("after=")[2].replace("+", " "))

    def echo(self) -> None:
        self._send(200, b'{"next": "/x?auth_token=secret"}', Content_Type="application/json")

    def slow_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            self.wfile.write(b"X-%d: drip\r\n" % number)
            self.wfile.flush()
            time.sleep(0.05)

    def bomb(self) -> None:
        self._send(200, gzip.compress(b"0" * 50_000_000), Content_Encoding="gzip")

    def cut(self) -> None:
        self._send(200, b"half", Content_Length="100")

    def drip(self) -> None:
        self._send(200, b"")
        for _ in range(100):
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_page_has_status_headers_and_body(site: str) -> None:
    page = fetch(f"{site}/fine")
    assert (page.status, page.headers["x-test"], page.body) == (200, "yes", b"ok")


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("busy", TransientError, "answered 429"),
        ("down", TransientError, "answered 503"),
        ("missing", PermanentError, "answered 404"),
        ("circle", PermanentError, "redirected more than 3 times"),
        ("elsewhere", PermanentError, "redirects to ftp"),
        ("page", PermanentError, "answered text/html where application/json was expected"),
        ("cut", TransientError, "could not be reached"),
    ],
)
def test_failure_says_whether_to_come_back_and_hides_the_query(
    site: str, path: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        fetch(f"{site}/{path}?auth_token=secret")
    assert "secret" not in str(caught.value)


def test_redirect_within_reason_is_followed(site: str) -> None:
    assert fetch(f"{site}/moved").body == b"ok"


def test_redirect_does_not_repeat_the_query_nor_tell_another_host_the_key(site: str) -> None:
    assert fetch(f"{site}/moved", params={"page": "1"}).body == b"ok"
    with pytest.raises(PermanentError, match="another host, which must not learn the key"):
        fetch(f"{site}/away", params={"key": "secret"}, secrets=("secret",))
    with pytest.raises(PermanentError, match="what is no address"):
        fetch(f"{site}/nonsense")


def test_secret_that_the_host_echoes_is_taken_out(site: str) -> None:
    assert fetch(f"{site}/echo", secrets=("secret",)).body == b'{"next": "/x?auth_token=[hidden]"}'


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7.0),
        ("86400", 3600.0),
        ("Mon,+02+Mar+2026+12:00:30+GMT", 30.0),
        ("Mon,+02+Mar+2026+11:00:00+GMT", 0.0),
        ("soon", None),
        ("Wed,+21+Oct+2015+07:28:00+99999999999999999", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped_at_an_hour(
    site: str, clock: Any, given: str, seconds: float | None
) -> None:
    with pytest.raises(TransientError) as caught:
        fetch(f"{site}/wait?after={given}")
    assert (caught.value.status, caught.value.retry_after) == (429, seconds)


def test_slow_headers_end_when_the_time_is_up(site: str) -> None:
    began = time.monotonic()
    with pytest.raises(TransientError, match="time was up"):
        fetch(f"{site}/slow_headers", total_seconds=0.3)
    assert time.monotonic() - began < 3


def test_slow_drip_ends_when_the_time_is_up(site: str) -> None:
    began = time.monotonic()
    with pytest.raises(TransientError, match="time was up"):
        fetch(f"{site}/drip", total_seconds=0.3)
    assert time.monotonic() - began < 3


def test_gzip_bomb_is_cut_off(site: str) -> None:
    with pytest.raises(PermanentError, match="more than 1,000,000 bytes"):
        fetch(f"{site}/bomb", max_bytes=1_000_000)


def test_refused_connection_says_so_without_the_query() -> None:
    with pytest.raises(TransientError, match="Connection refused") as caught:
        fetch("http://127.0.0.1:1/x?key=secret")
    assert "secret" not in str(caught.value)


def test_socket_guard_refuses_the_outside() -> None:
    with pytest.raises(RuntimeError, match="a test tried to reach"):
        fetch("http://192.0.2.1/")


def test_tls_that_breaks_after_the_request_was_sent_does_not_count_as_unsent(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """The host has the whole request by then: whoever takes it for unsent sends it twice."""
    key, certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    received: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        raw, _ = listening.accept()
        connection = context.wrap_socket(raw, server_side=True)
        while b"the order" not in b"".join(received):
            received.append(connection.recv(4096))
        os.write(connection.fileno(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n")  # no TLS record
        connection.close()

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        with pytest.raises(TransientError) as caught:
            fetch(f"https://localhost:{listening.getsockname()[1]}/my/buy", method="POST", body=b"the order")
    assert received
    assert not caught.value.unsent


def test_tls_that_fails_before_the_request_counts_as_unsent(tmp_path: Path) -> None:
    key, certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(listening: socket.socket) -> None:
        raw, _ = listening.accept()
        with suppress(OSError):
            context.wrap_socket(raw, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        with pytest.raises(TransientError) as caught:
            fetch(f"https://localhost:{listening.getsockname()[1]}/my/buy", method="POST", body=b"the order")
    assert caught.value.unsent, "nobody vouches for the certificate"


def self_signed(where: Path) -> tuple[Path, Path]:
    """Write a key and a certificate for localhost that nobody vouches for; give their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = where / "key.pem", where / "certificate.pem"
    paths[0].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


def test_no_secret_shows_in_an_ask() -> None:
    ask = Ask(url="https://example.com", headers={"key": "s3cret"}, body=b"s3cret", secrets=("s3cret",))
    assert "s3cret" not in repr(ask)
