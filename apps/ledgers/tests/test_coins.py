"""Which coins a text names: by name, with a marker, in capitals, and never by an everyday word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ledgers.coins import COINS, mentions
from benchmarks import text as benchmark
from ohmycoins.core.symbols import is_symbol


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bitcoin hits $100k", "BTC"), ("bitcoins and ethers", "BTC"), ("BITCOIN", "BTC"), ("Bitcoin's price", "BTC"),
        ("Bitcoin-backed loans", "BTC"), ("Bitcoin Cash rallies", "BCH"), ("Bitcoin and Bitcoin Cash", "BCH BTC"),
        ("Ethereum Classic forks", "ETC"), ("Ether and Ethereum Classic", "ETC ETH"), ("bitcoin sv", "BSV"),
        ("Chainlink, Polkadot, Solana", "DOT LINK SOL"), ("$link $one $near", "LINK NEAR ONE"), ("#SOL", "SOL"), ("$ONE of us, $near the top", "NEAR ONE"),
        ("Harmony (ONE) moves", "ONE"), ("(S)", "S"), ("BTC/USD", "BTC"), ("ETH/BTC", "BTC ETH"), ("LINK-PERP", "LINK"),
        ("XRP up, LTC down", "LTC XRP"), ("NEAR and LINK lead altcoins", "LINK NEAR"), ("GAS token soars", "GAS"),
        ("HARMONY: ONE token up 10%", "ONE"), ("Cardano: ADA gains", "ADA"), ("Ripple wins in court", "XRP"),
        ("Stellar joins crypto index", "XLM"), ("Polygon’s MATIC", "MATIC POL"), ("SUI and BTC", "BTC SUI"),
        ("iota rises, MIOTA", "IOTA"), ("2 SOL for 1 ETH", "ETH SOL"), ("dogecoin, DOGE.", "DOGE"),
    ],
)  # fmt: skip
def test_coin_is_found(text: str, expected: str) -> None:
    assert mentions(text) == tuple(expected.split())


@pytest.mark.parametrize(
    "text",
    [
        "", "one link near the gas dot", "ONE more day", "NEAR the close", "Ada Lovelace wrote code for crypto",
        "Sol Campbell buys crypto", "a ton of coins", "This is the ONE crypto to buy", "CRYPTO IS NEAR THE ONE",
        "gas fees on the blockchain", "KEY takeaways for crypto", "LINK in bio, crypto fans", "etc. and crypto",
        "Stellar results at the bank", "a stellar year for crypto", "on the verge of a crypto boom",
        "ripple effects in repo", "students' unit linkage", "adapt the dotted band", "student(s) of crypto",
        "https://bitcoin.org/en BTC.com", "@Bitcoin", "r/bitcoin", "EPS beats", "AT&T", "Bitcoin Private",
        "DoorDash and Dash", "The S&P is up; OP-ED",
    ],
)  # fmt: skip
def test_everyday_word_is_no_coin(text: str) -> None:
    assert mentions(text) == ()


@given(st.text(max_size=200), st.sampled_from(sorted(COINS)))
def test_dollar_sign_always_marks_a_coin(text: str, symbol: str) -> None:
    assert symbol in mentions(f"${symbol} {text}")


@given(
    st.text()
    | st.lists(st.sampled_from([*COINS, "crypto", "$", "(", ")", "/", "USD"]), max_size=20).map(" ".join)
)
def test_any_text_names_known_coins_in_order(text: str) -> None:
    found = mentions(text)
    assert list(found) == sorted(set(found))
    assert set(found) <= COINS.keys()
    assert mentions(text) == found


def test_very_long_text_is_read_at_its_beginning() -> None:
    assert mentions("Bitcoin " + "$ ( a.b-c BTC/" * 100_000 + " Monero") == ("BTC",)


def test_table_is_consistent() -> None:
    names = [name.lower() for coin in COINS.values() for name in coin.names + coin.proper + coin.loose]
    assert len(names) == len(set(names))
    assert all(is_symbol(symbol) for symbol in COINS)
    assert all(
        mentions(name) == (coin.symbol,) for coin in COINS.values() for name in coin.names + coin.proper
    )


@pytest.mark.skipif(not benchmark.LABELLED.exists(), reason="the labelled rows are not beside this checkout")
def test_tagged_headlines_are_read_well() -> None:
    named, every = benchmark.coin_figures(named_only=True), benchmark.coin_figures(named_only=False)
    assert named.f1 >= benchmark.COINS_FROM
    assert every.precision >= benchmark.COINS_FROM
