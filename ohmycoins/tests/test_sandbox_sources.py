"""The simulated sources answer in the shapes and with the quirks of the real ones."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any

import feedparser
import pytest
import requests
import time_machine
from lxml import html

from ohmycoins.sandbox.server import Sandbox
from ohmycoins.sandbox.sources.defillama import FAILED, PROTOCOLS, WITHOUT_FEES
from ohmycoins.sandbox.sources.news import FEEDS
from ohmycoins.sandbox.sources.reddit import SUBREDDITS
from ohmycoins.sandbox.sources.sec import COMPANIES

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AGENT = {"User-Agent": "ohmycoins tests test@example.com"}
ARTICLES = "/api/v2/help_center/en-us/articles.json?sort_by=created_at&sort_order=desc&per_page=100"


@pytest.fixture
def sandbox(clock: time_machine.Traveller) -> Iterator[Sandbox]:
    with Sandbox(0, seed=42) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def get(sandbox: Sandbox, path: str, **headers: str) -> requests.Response:
    return requests.get(sandbox.url + path, headers={**AGENT, **headers}, timeout=5)


def read(sandbox: Sandbox, path: str) -> Any:
    answer = get(sandbox, path)
    assert answer.status_code == 200, path
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json()


def test_coinspot_answers_one_coin_or_says_what_is_wrong(sandbox: Sandbox) -> None:
    prices = read(sandbox, "/pubapi/v2/latest")["prices"]
    assert read(sandbox, "/pubapi/v2/latest/BTC")["prices"] == prices["btc"]
    assert read(sandbox, "/pubapi/v2/latest/btc/usdt")["prices"] == prices["btc_usdt"]
    for path, message in (("btc/AUD", "Bad Market"), ("nope", "Coin not found")):
        answer = get(sandbox, f"/pubapi/v2/latest/{path}")
        assert (answer.status_code, answer.json()) == (400, {"status": "error", "message": message})


def test_coinspot_s_books_begin_at_the_bid_and_the_ask(sandbox: Sandbox) -> None:
    prices = read(sandbox, "/pubapi/v2/latest")["prices"]
    for path, key, market in (
        ("btc", "btc", "BTC/AUD"),
        ("DOGE", "doge", "DOGE/AUD"),
        ("btc/usdt", "btc_usdt", "BTC/USDT"),
    ):
        book = read(sandbox, f"/pubapi/v2/orders/open/{path}")
        buys, sells = book["buyorders"], book["sellorders"]
        assert buys[0].keys() == sells[0].keys() == {"amount", "rate", "total", "coin", "market"}
        assert {order["market"] for order in buys + sells} == {market}
        assert (buys[0]["rate"], sells[0]["rate"]) == (float(prices[key]["bid"]), float(prices[key]["ask"]))
        assert [order["rate"] for order in buys] == sorted({order["rate"] for order in buys}, reverse=True)
        assert [order["rate"] for order in sells] == sorted({order["rate"] for order in sells})
        assert all(order["amount"] > 0 for order in buys + sells)
        assert len(buys) == len(sells) == 25
    thin = read(sandbox, "/pubapi/v2/orders/open/thin")
    assert (thin["buyorders"], thin["sellorders"]) == ([], [])
    for path, message in (("btc/AUD", "Bad Market"), ("nope", "Coin not found")):
        answer = get(sandbox, f"/pubapi/v2/orders/open/{path}")
        assert (answer.status_code, answer.json()) == (400, {"status": "error", "message": message})


def test_articles_come_in_pages_newest_first(sandbox: Sandbox) -> None:
    pages = [read(sandbox, f"{ARTICLES}&page={number}") for number in (1, 2)]
    articles = pages[0]["articles"] + pages[1]["articles"]
    created = [article["created_at"] for article in articles]
    assert created == sorted(created, reverse=True)
    assert len({article["id"] for article in articles}) == 200
    assert requests.get(pages[0]["next_page"], timeout=5).json() == pages[1]
    assert (pages[0]["previous_page"], pages[0]["page_count"]) == (None, -(-pages[0]["count"] // 100))
    beyond = read(sandbox, f"{ARTICLES}&page={pages[0]['page_count'] + 1}")
    assert (beyond["articles"], beyond["next_page"]) == ([], None)
    assert {
        "id",
        "html_url",
        "title",
        "body",
        "updated_at",
        "edited_at",
        "draft",
        "section_id",
        "label_names",
    } <= articles[0].keys()
    labels = {label for article in articles for label in article["label_names"]}
    assert labels == {"listing", "delisting", "maintenance", "suspension", "trading", "feature", "other"}


def test_category_page_links_to_the_articles_of_the_list(sandbox: Sandbox) -> None:
    listed = read(sandbox, ARTICLES)["articles"][:30]
    page = html.fromstring(get(sandbox, "/hc/en-us/categories/360000000000-announcements").content)
    links = page.xpath("//li/a/@href")
    assert [sandbox.url + link for link in links] == [article["html_url"] for article in listed]
    assert page.xpath("//li/time/@datetime") == [article["created_at"] for article in listed]
    assert listed[0]["title"] in get(sandbox, links[0]).text


@pytest.mark.parametrize("cik", COMPANIES)
def test_filings_are_parallel_arrays_newest_first(sandbox: Sandbox, cik: int) -> None:
    page = read(sandbox, f"/submissions/CIK{cik:010}.json")
    recent, (file,) = page["filings"]["recent"], page["filings"]["files"]
    older = read(sandbox, f"/submissions/{file['name']}")
    assert page["cik"] == f"{cik:010}"
    assert older.keys() == recent.keys()
    for arrays in (recent, older):
        assert {len(values) for values in arrays.values()} == {len(arrays["form"])}
        assert arrays["acceptanceDateTime"] == sorted(arrays["acceptanceDateTime"], reverse=True)
    assert file["filingCount"] == len(older["form"])
    assert not {*recent["accessionNumber"]} & {*older["accessionNumber"]}
    assert {"4", "8-K", "10-Q", "144"} <= {*recent["form"]}
    assert {"10-K", "S-1", "8-K/A", "SC 13G", "424B5"} <= {*recent["form"], *older["form"]}
    assert all(
        bool(items) is form.startswith("8-K")
        for items, form in zip(recent["items"], recent["form"], strict=True)
    )


def test_sec_wants_to_know_who_asks_and_for_whom(sandbox: Sandbox) -> None:
    unknown = get(sandbox, "/submissions/CIK0000000001.json")
    assert (unknown.status_code, unknown.headers["Content-Type"]) == (404, "application/xml")
    assert "<Code>NoSuchKey</Code>" in unknown.text
    for agent in ("", "Mozilla/5.0 (X11; Linux x86_64)"):
        refused = get(sandbox, "/submissions/CIK0001679788.json", **{"User-Agent": agent})
        assert (refused.status_code, refused.headers["Content-Type"]) == (403, "text/html; charset=utf-8")


@pytest.mark.parametrize("subreddit", SUBREDDITS)
def test_stickied_posts_are_extra_and_pages_follow_one_another(sandbox: Sandbox, subreddit: str) -> None:
    first = read(sandbox, f"/r/{subreddit}/hot.json?limit=25&raw_json=1")["data"]
    posts = [child["data"] for child in first["children"]]
    assert (first["dist"], [post["stickied"] for post in posts]) == (27, [True] * 2 + [False] * 25)
    assert first["after"] == posts[-1]["name"] == f"t3_{posts[-1]['id']}"
    second = read(sandbox, f"/r/{subreddit}/hot.json?limit=25&raw_json=1&after={first['after']}")["data"]
    more = [child["data"] for child in second["children"]]
    assert not {post["name"] for post in posts} & {post["name"] for post in more}
    names, after = [], ""
    while after is not None:
        page = read(sandbox, f"/r/{subreddit}/hot.json?limit=100&after={after}")["data"]
        names += [child["data"]["name"] for child in page["children"]]
        after = page["after"]
    assert len(names) == len({*names}) > 50


def test_posts_are_escaped_unless_raw_and_scores_drift(
    sandbox: Sandbox, clock: time_machine.Traveller
) -> None:
    def posts(query: str) -> dict[str, Any]:
        things = read(sandbox, f"/r/CryptoCurrency/hot.json?limit=100{query}")["data"]["children"]
        return {thing["data"]["name"]: thing["data"] for thing in things}

    raw, escaped = posts("&raw_json=1"), posts("")
    marked = [name for name in raw if "&" in raw[name]["selftext"]]
    assert marked
    assert all(
        escaped[name]["selftext"].count("&amp;") == raw[name]["selftext"].count("&") for name in marked
    )
    clock.shift(3600)
    later = posts("&raw_json=1")
    kept = [name for name in raw if name in later]
    assert any(raw[name]["score"] != later[name]["score"] for name in kept)
    assert all(raw[name]["title"] == later[name]["title"] for name in kept)
    assert {*later} - {*raw}


def test_oauth_door_opens_with_a_token_for_an_hour(sandbox: Sandbox, clock: time_machine.Traveller) -> None:
    def ask(pair: str, grant: str = "client_credentials") -> requests.Response:
        headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return requests.post(
            f"{sandbox.url}/api/v1/access_token", {"grant_type": grant}, headers=headers, timeout=5
        )

    def hot(token: str) -> int:
        return get(sandbox, "/r/Bitcoin/hot", Authorization=f"bearer {token}").status_code

    granted = ask("id:secret").json()
    assert {**granted, "access_token": ""} == {
        "access_token": "", "token_type": "bearer", "expires_in": 3600, "scope": "*",
    }  # fmt: skip
    assert [ask(pair).status_code for pair in ("id:bad", "id:", "nonsense")] == [401, 401, 401]
    assert ask("id:secret", "password").json() == {"error": "unsupported_grant_type"}
    assert (hot(granted["access_token"]), hot("other"), get(sandbox, "/r/Bitcoin/hot").status_code) == (
        200,
        401,
        401,
    )
    clock.shift(3599)
    assert hot(granted["access_token"]) == 200
    clock.shift(2 * 3600)
    assert hot(granted["access_token"]) == 401


def test_reddit_s_feed_is_atom_and_unknown_subreddits_are_not_found(sandbox: Sandbox) -> None:
    answer = get(sandbox, "/r/Bitcoin/hot.rss")
    feed = feedparser.parse(answer.content)
    listed = read(sandbox, "/r/Bitcoin/hot.json?limit=23")["data"]["children"]
    assert (feed.version, feed.bozo, answer.headers["x-ratelimit-remaining"]) == ("atom10", False, "597.0")
    assert [entry.id for entry in feed.entries] == [child["data"]["name"] for child in listed]
    assert get(sandbox, "/r/nope/hot.json").status_code == 404


@pytest.mark.parametrize("slug", PROTOCOLS)
def test_protocol_has_value_and_fees(sandbox: Sandbox, slug: str) -> None:
    tvl = read(sandbox, f"/tvl/{slug}")
    history = read(sandbox, f"/protocol/{slug}")["tvl"]
    assert isinstance(tvl, float)
    assert history[-1] == {"date": int(NOON.timestamp()), "totalLiquidityUSD": tvl}
    assert all(earlier["date"] < later["date"] for earlier, later in pairwise(history))
    without = "excludeTotalDataChart=true&excludeTotalDataChartBreakdown=true"
    answer = get(sandbox, f"/summary/fees/{slug}?dataType=dailyRevenue&{without}")
    if slug == WITHOUT_FEES:
        assert answer.status_code == 404
        return
    short, full = answer.json(), read(sandbox, f"/summary/fees/{slug}?dataType=dailyRevenue")
    assert (short["totalDataChart"], short["totalDataChartBreakdown"]) == ([], None)
    assert (
        short["total24h"] == full["total24h"] == (None if slug == FAILED else full["totalDataChart"][-1][1])
    )
    assert full["totalDataChart"][-1][0] == int((NOON - timedelta(hours=36)).timestamp())


def test_chains_have_nulls_and_missing_keys(sandbox: Sandbox) -> None:
    chains = read(sandbox, "/v2/chains")
    assert any("chainId" not in chain for chain in chains)
    assert any(chain.get("cmcId", "") is None for chain in chains)
    by_name = {chain["name"]: chain["tvl"] for chain in chains}
    assert read(sandbox, "/v2/historicalChainTvl/Hyperliquid%20L1")[-1]["tvl"] == round(
        by_name["Hyperliquid L1"]
    )
    assert abs(read(sandbox, "/v2/historicalChainTvl")[-1]["tvl"] / sum(by_name.values()) - 1) < 0.2
    for path in ("/tvl/nope", "/protocol/nope", "/summary/fees/nope", "/v2/historicalChainTvl/nope"):
        assert get(sandbox, path).status_code == 404


def test_cryptopanic_echoes_the_token_and_leaves_out_what_it_does_not_know(sandbox: Sandbox) -> None:
    for token in ("", "?auth_token=", "?auth_token=bad"):
        assert get(sandbox, f"/api/v1/posts/{token}").status_code == 401
    pages = [read(sandbox, f"/api/free/v1/posts/?auth_token=key&page={number}") for number in range(1, 11)]
    assert requests.get(pages[0]["next"], timeout=5).json() == pages[1]
    assert all("auth_token=key" in str(pages[4][link]) for link in ("next", "previous"))
    assert (pages[0]["previous"], pages[-1]["next"], pages[0]["count"]) == (None, None, 200)
    posts = [post for page in pages for post in page["results"]]
    assert len({post["id"] for post in posts}) == 200
    assert any("currencies" not in post for post in posts)
    assert not any(post.get("currencies") == [] for post in posts)
    assert {*posts[0]["votes"].values()} == {0}
    assert any(posts[-1]["votes"].values())
    assert get(sandbox, "/api/v1/posts/?auth_token=key&page=11").status_code == 404
    newer = read(sandbox, "/api/developer/v2/posts/?auth_token=key")["results"]
    assert [post["id"] for post in newer] == [post["id"] for post in posts[:20]]
    assert any("instruments" in post for post in newer)
    assert not any("currencies" in post for post in newer)
    assert {None} < {post["description"] for post in newer}


@pytest.mark.parametrize("slug", FEEDS)
def test_news_feed_is_rss_of_dated_articles(sandbox: Sandbox, slug: str) -> None:
    answer = get(sandbox, f"/feeds/{slug}.xml")
    feed = feedparser.parse(answer.content)
    dates = [parsedate_to_datetime(entry.published) for entry in feed.entries]
    assert (feed.version, feed.bozo, len(feed.entries)) == ("rss20", False, 25)
    assert dates == sorted(dates, reverse=True)
    assert dates[0] <= NOON
    assert len({entry.link for entry in feed.entries}) == len({entry.id for entry in feed.entries}) == 25
    assert ("utm_source" in feed.entries[0].link) is (slug in ("cointelegraph", "cryptoslate"))
