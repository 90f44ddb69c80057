"""The sandbox's faults: each breaks a source as it says, and only that source."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
import time_machine
from django.core.management import CommandError, call_command

from ohmycoins.sandbox.faults import NAMES as FAULTS
from ohmycoins.sandbox.faults import UnknownFault, parse_spec
from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.sources import NAMES

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AGENT = {"User-Agent": "ohmycoins tests test@example.com"}
PATHS = {
    "coinspot": "/pubapi/v2/latest",
    "coinspot_help": "/api/v2/help_center/en-us/articles.json?sort_order=desc",
    "sec": "/submissions/CIK0001679788.json",
    "reddit": "/r/Bitcoin/hot.json",
    "defillama": "/v2/chains",
    "cryptopanic": "/api/v1/posts/?auth_token=k",
    "news": "/feeds/coindesk.xml",
}


@pytest.fixture
def sandbox(clock: time_machine.Traveller) -> Iterator[Sandbox]:
    with Sandbox(0, seed=42) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def get(sandbox: Sandbox, source: str, **options: Any) -> requests.Response:
    return requests.get(sandbox.url + PATHS[source], headers=AGENT, timeout=5, **options)


def set_faults(sandbox: Sandbox, faults: Any) -> requests.Response:
    return requests.post(f"{sandbox.url}/sandbox/faults", json=faults, timeout=5)


def test_faults_are_set_shown_and_cleared_while_it_runs(sandbox: Sandbox) -> None:
    healthy = dict.fromkeys(NAMES)
    assert set_faults(sandbox, {"sec": "503", "news": "403"}).json() == {
        **healthy,
        "sec": "503",
        "news": "403",
    }
    assert [get(sandbox, source).status_code for source in ("sec", "news", "reddit")] == [503, 403, 200]
    assert set_faults(sandbox, {"sec": None}).json() == {**healthy, "news": "403"}
    assert get(sandbox, "sec").status_code == 200
    assert requests.post(f"{sandbox.url}/sandbox/reset", timeout=5).json() == healthy
    assert requests.get(f"{sandbox.url}/sandbox/faults", timeout=5).json() == healthy


@pytest.mark.parametrize(
    "given", [{"moon": "down"}, {"sec": "dwn"}, {"sec": 503}, {"sec": []}, ["sec"], "sec=down"]
)
def test_unknown_fault_is_refused_and_sets_nothing(sandbox: Sandbox, given: Any) -> None:
    answer = set_faults(sandbox, {"news": "503", **given} if isinstance(given, dict) else given)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert sandbox.faults == dict.fromkeys(NAMES)


def test_spec_names_what_is_accepted() -> None:
    assert parse_spec(" sec=down, reddit=429 ,", NAMES) == {"sec": "down", "reddit": "429"}
    assert parse_spec("", NAMES) == {}
    for spec, accepted in (("moon=down", "coinspot_help"), ("sec=dwn", "cut-json"), ("sec", "SOURCE=FAULT")):
        with pytest.raises(UnknownFault, match=accepted):
            parse_spec(spec, NAMES)
    with pytest.raises(CommandError, match="there is no fault 'dwn'"):
        call_command("sandbox", faults="sec=dwn")


def test_command_starts_with_faults_and_prints_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[Sandbox] = []

    def interrupted(server: Sandbox) -> None:
        served.append(server)
        raise KeyboardInterrupt

    monkeypatch.setattr(Sandbox, "serve_forever", interrupted)
    call_command("sandbox", port=0, seed=7, faults="sec=down")
    (server,) = served
    assert (server.market.seed, server.faults["sec"], server.faults["news"]) == (7, "down", None)
    assert dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines()) == server.environment()


def test_requests_are_counted_by_source_also_those_that_fail(sandbox: Sandbox) -> None:
    set_faults(sandbox, {"sec": "503"})
    for source in ("sec", "sec", "reddit"):
        get(sandbox, source)
    counted = requests.get(f"{sandbox.url}/sandbox/requests", timeout=5).json()
    assert counted == {**dict.fromkeys(NAMES, 0), "sec": 2, "reddit": 1}
    requests.post(f"{sandbox.url}/sandbox/reset", timeout=5)
    assert sum(requests.get(f"{sandbox.url}/sandbox/requests", timeout=5).json().values()) == 0


@pytest.mark.parametrize("source", NAMES)
def test_down_source_ends_the_connection(sandbox: Sandbox, source: str) -> None:
    sandbox.set_faults({source: "down"})
    with pytest.raises(requests.ConnectionError):
        get(sandbox, source)


@pytest.mark.parametrize("source", NAMES)
def test_refusal_is_an_html_page(sandbox: Sandbox, source: str) -> None:
    for fault, status in (("503", 503), ("403", 403), ("429", 429), ("html", 200)):
        sandbox.set_faults({source: fault})
        answer = get(sandbox, source)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert "</html>" in answer.text


def test_too_many_requests_say_when_to_come_back(sandbox: Sandbox) -> None:
    sandbox.set_faults({"reddit": "429", "sec": "429-date"})
    assert get(sandbox, "reddit").headers["Retry-After"] == "30"
    back_at = parsedate_to_datetime(get(sandbox, "sec").headers["Retry-After"])
    assert (back_at - NOON).total_seconds() == 30


@pytest.mark.parametrize("source", NAMES)
def test_cut_body_is_shorter_than_it_says(sandbox: Sandbox, source: str) -> None:
    whole = get(sandbox, source)
    sandbox.set_faults({source: "cut"})
    with get(sandbox, source, stream=True) as answer:
        assert answer.headers["Content-Length"] == whole.headers["Content-Length"]
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            _ = answer.content
    sandbox.set_faults({source: "cut-json"})
    half = get(sandbox, source)
    assert whole.content.startswith(half.content)
    assert len(half.content) == int(half.headers["Content-Length"]) == len(whole.content) // 2


def test_drip_sends_a_byte_at_a_time(sandbox: Sandbox) -> None:
    sandbox.set_faults({"defillama": "drip"})
    started = time.perf_counter()
    with get(sandbox, "defillama", stream=True) as answer:
        assert answer.raw.read(3) == b'[{"'
    assert 0.4 < time.perf_counter() - started < 3


@pytest.mark.parametrize("source", ["sec", "news"])
def test_bomb_inflates_to_a_gigabyte(sandbox: Sandbox, source: str) -> None:
    whole = get(sandbox, source).content
    sandbox.set_faults({source: "bomb"})
    with get(sandbox, source, stream=True) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 4 * 1024**2
        read = 0
        for chunk in answer.iter_content(1024**2):
            assert read or whole.startswith(chunk[:1000])
            read += len(chunk)
            if read > 32 * 1024**2:
                break
    assert read > 32 * 1024**2


def items(source: str, answer: requests.Response) -> list[str]:
    """Give what a source lists, each item as text."""
    if source == "news":
        return re.findall("<item>.*?</item>", answer.text, re.DOTALL)
    content = answer.json()
    listed = {
        "coinspot": lambda: [[key.lower(), prices] for key, prices in content["prices"].items()],
        "coinspot_help": lambda: content["articles"],
        "sec": lambda: [list(row) for row in zip(*content["filings"]["recent"].values(), strict=True)],
        "reddit": lambda: content["data"]["children"],
        "defillama": lambda: content,
        "cryptopanic": lambda: content["results"],
    }[source]()
    return [json.dumps(item) for item in listed]


@pytest.mark.parametrize("source", NAMES)
def test_content_faults_double_restate_and_postdate(sandbox: Sandbox, source: str) -> None:
    regular = items(source, get(sandbox, source))
    sandbox.set_faults({source: "duplicates"})
    doubled = items(source, get(sandbox, source))
    assert len(doubled) > len({*doubled})
    assert {*doubled} <= {*regular}
    sandbox.set_faults({source: "restated"})
    restated = items(source, get(sandbox, source))
    assert len(restated) == len(regular)
    assert restated != regular
    sandbox.set_faults({source: "future"})
    postdated = items(source, get(sandbox, source))
    if source in ("coinspot", "defillama"):  # prices and values of today carry no time
        assert postdated == regular
    elif source != "reddit":
        assert "2027-" in postdated[0] or " 2027 " in postdated[0]
    else:
        assert json.loads(postdated[0])["data"]["created_utc"] > NOON.timestamp() + 300 * 86_400


def test_source_at_fault_is_not_remembered(sandbox: Sandbox) -> None:
    tag = get(sandbox, "news").headers["ETag"]
    for fault in FAULTS:
        if fault in ("down", "cut", "drip"):
            continue
        sandbox.set_faults({"news": fault})
        headers = {"If-None-Match": tag}
        with requests.get(sandbox.url + PATHS["news"], headers=headers, timeout=5, stream=True) as answer:
            assert answer.status_code != 304
            assert "ETag" not in answer.headers


def test_sandbox_prints_nothing(sandbox: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
    sandbox.set_faults({"sec": "down"})
    for source in ("news", "sec"):
        with suppress(requests.ConnectionError):
            get(sandbox, source)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("source", NAMES)
def test_frozen_source_answers_as_at_the_instant_at_which_it_froze(
    sandbox: Sandbox, source: str, clock: time_machine.Traveller
) -> None:
    other = next(name for name in NAMES if name != source)
    before = {name: get(sandbox, name).content for name in (source, other)}
    sandbox.set_faults({source: "frozen"})
    clock.shift(3 * 24 * 3600)
    answer = get(sandbox, source)
    assert (answer.status_code, answer.content) == (200, before[source])
    assert get(sandbox, other).content != before[other]
    sandbox.set_faults({source: None})
    assert get(sandbox, source).content != before[source]
