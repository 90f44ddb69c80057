"""What is on the public internet, and what only looks so."""

import ipaddress

import pytest

from ohmycoins.core.public import Allowed, Malformed, NotPublic, is_public, read_allowed, require_url

REFUSED = [
    "http://127.0.0.1/", "http://127.0.0.1:8000/admin/", "http://127.1/", "http://127.0.1/", "http://2130706433/",
    "http://017700000001/", "http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://0x7f000001/", "http://0x7f.1/",
    "http://127.0.0.1./", "http://00000127.0.0.1/", "http://127.0.0.01/", "http://0/", "http://0.0.0.0/", "http://0x0/",
    "http://localhost/", "http://localhost./", "http://LOCALHOST/", "http://a.localhost/", "http://localhost.localdomain/",
    "http://printer.local/", "http://db.internal/", "http://metadata.google.internal/computeMetadata/v1/",
    "http://metadata.google.internal./", "http://metadata/", "http://postgres:5432/", "http://redis/", "http://router.lan/",
    "http://nas.home.arpa/", "http://x.corp/", "http://x.test/", "http://x.onion/",
    "http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/v2/credentials", "http://[fd00:ec2::254]/",
    "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/", "http://168.63.129.16/", "http://192.0.0.192/",
    "http://10.0.0.1/", "http://10.255.255.255/", "http://172.16.0.1/", "http://172.31.255.254/", "http://192.168.1.1/",
    "http://100.64.0.1/", "http://100.100.100.200/", "http://198.18.0.1/", "http://192.0.2.1/", "http://203.0.113.9/",
    "http://192.88.99.1/", "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/",
    "http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::ffff:10.0.0.1]/", "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::169.254.169.254]/", "http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "http://[fd00::1]/", "http://[fc00::1]/", "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[3fff::1]/", "http://[100::1]/",
    "http://[5f00::1]/", "https://alerts.example.com:22/", "https://alerts.example.com:25/", "http://alerts.example.com:1023/",
]  # fmt: skip
MALFORMED = [
    "http://user@alerts.example.com/", "http://user:password@alerts.example.com/", "http://alerts.example.com@127.0.0.1/",
    "http://127.0.0.1#@alerts.example.com/", "http://127.0.0.1\\@alerts.example.com/", "http://127.0.0.1 .example.com/",
    "http://alerts.example.com\t/", "http://alerts.example.com\n/", "http://alerts.example.com/\r\nX: y",
    "http://①②⑦.⓪.⓪.①/", "http://１２７.0.0.1/", "http://ｌocalhost/", "http://127。0。0。1/", "http://[::1/",
    "http://alerts.example.com:0/", "http://alerts.example.com:/", "http://alerts.example.com:99999/",
    "http://alerts.example.com:x/", "http://", "http:///path", "http://.example.com/", "http://a..example.com/",
    "http://%31%32%37.0.0.1/x#", "file:///etc/passwd", "ftp://alerts.example.com/", "gopher://alerts.example.com/",
    "dict://alerts.example.com:2628/", "unix:///run/x.sock", "json://127.0.0.1", "//alerts.example.com/", "alerts.example.com",
    "javascript:alert(1)", f"https://{'a' * 64}.example.com/", f"https://alerts.example.com/{'a' * 2000}",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_address_of_our_own_networks_is_refused_however_it_is_spelt(url: str) -> None:
    with pytest.raises(NotPublic) as caught:
        require_url(url, Allowed())
    assert url.split("/")[2] not in str(caught.value)


@pytest.mark.parametrize("url", MALFORMED)
def test_text_that_is_no_plain_address_of_the_web_is_malformed(url: str) -> None:
    with pytest.raises(Malformed):
        require_url(url, Allowed())


@pytest.mark.parametrize(
    "url",
    ["https://alerts.example.com/hook?key=1", "http://alerts.example.com:8080/", "https://8.8.8.8/", "https://1.1.1.1:8443/",
     "https://[2606:4700:4700::1111]/", "https://xn--bcher-kva.example.com/", "https://alerts.example.com./x",
     "https://a_b.example.com/", "http://[::ffff:8.8.8.8]/", "http://[64:ff9b::808:808]/"],
)  # fmt: skip
def test_address_of_the_public_internet_is_taken(url: str) -> None:
    assert require_url(url, Allowed()).scheme in ("http", "https")


@pytest.mark.parametrize(
    ("allowed", "url"),
    [("alerts.lan", "http://ALERTS.lan./x"), ("127.0.0.1", "http://127.0.0.1:5/"), ("10.1.0.0/16", "http://10.1.2.3/"),
     ("fd00::/8", "http://[fd00::9]/"), ("relay", "http://relay:80/")],
)  # fmt: skip
def test_what_the_operator_allows_is_taken_and_its_neighbours_are_not(allowed: str, url: str) -> None:
    permitted = read_allowed([allowed])
    assert require_url(url, permitted)
    for other in (
        "http://127.0.0.2/",
        "http://10.2.0.1/",
        "http://[fc00::9]/",
        "http://x.lan/",
        "http://relay2/",
    ):
        with pytest.raises(NotPublic):
            require_url(other, permitted)


@pytest.mark.parametrize(
    ("text", "public"),
    [("9.255.255.255", True), ("10.0.0.0", False), ("11.0.0.0", True), ("172.15.255.255", True), ("172.32.0.0", True),
     ("100.63.255.255", True), ("100.64.0.0", False), ("100.128.0.0", True), ("223.255.255.255", True),
     ("224.0.0.0", False), ("2000::1", True), ("3fff:ffff::1", True), ("4000::1", False), ("1fff::1", False)],
)  # fmt: skip
def test_bounds_of_the_public_networks(text: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(text)) is public
