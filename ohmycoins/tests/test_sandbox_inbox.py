"""The sandbox's inbox keeps what comes, and fails as its names say."""

import threading
from collections.abc import Iterator

import pytest
import requests

from ohmycoins.sandbox.server import Sandbox


@pytest.fixture
def server() -> Iterator[Sandbox]:
    with Sandbox(0, seed=42) as sandbox:
        threading.Thread(target=sandbox.serve_forever, args=(0.01,), daemon=True).start()
        yield sandbox
        sandbox.shutdown()


def test_message_is_kept_under_its_name_until_the_reset(server: Sandbox) -> None:
    for body in ('{"a": 1}', "plain"):
        answer = requests.post(f"{server.url}/inbox/ops?k=1", data=body, timeout=5)
        assert (answer.status_code, answer.text) == (200, "ok")
    kept = requests.get(f"{server.url}/inbox/ops", timeout=5).json()["messages"]
    assert [(message["body"], message["query"]) for message in kept] == [
        ({"a": 1}, {"k": "1"}),
        ("plain", {"k": "1"}),
    ]
    assert requests.get(f"{server.url}/inbox/other", timeout=5).json() == {"messages": []}
    requests.post(f"{server.url}/sandbox/reset", timeout=5)
    assert requests.get(f"{server.url}/inbox/ops", timeout=5).json() == {"messages": []}


@pytest.mark.parametrize(("name", "status"), [("500-a", 500), ("404", 404), ("429-a", 429), ("5000", 200)])
def test_name_says_how_it_answers(server: Sandbox, name: str, status: int) -> None:
    answer = requests.post(f"{server.url}/inbox/{name}", timeout=5)
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("30" if status == 429 else None)
    assert len(server.inbox.messages(name)) == 1


def test_redirect_leads_where_the_query_says(server: Sandbox) -> None:
    url = f"{server.url}/inbox/redirect-a?to=http://10.0.0.1/x"
    answer = requests.post(url, timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://10.0.0.1/x")


def test_connection_just_ends_and_an_answer_drips(server: Sandbox) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{server.url}/inbox/down-a", timeout=5)
    with requests.post(f"{server.url}/inbox/slow-a", timeout=5, stream=True) as slow:
        assert slow.raw.read1(1000) == b"o"


def test_only_the_last_hundred_are_kept(server: Sandbox) -> None:
    for number in range(101):
        requests.post(f"{server.url}/inbox/a", data=f"{number}", timeout=5)
    kept = [message["body"] for message in server.inbox.messages("a")]
    assert kept == list(range(1, 101))
