"""docs/tutorial.md, run block by block against an installation with demo data, over HTTP only."""

import os
import re
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest

from ohmycoins.env import BASE_DIR
from ohmycoins.tests.installation import PASSWORD, Installation, installed, sources

PAGE = (BASE_DIR / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Give an installation with two months of made-up past, all of whose sources are the sandbox."""
    with sources() as sandbox, installed(sandbox) as found:
        found.manage("seed", "--users", "1", "--algorithms", "3", "--days", "62")
        yield found


@pytest.mark.slow
def test_every_block_runs_and_the_money_adds_up(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(os.environ, "OMC_URL", installation.base)
    monkeypatch.setitem(os.environ, "OMC_ADMIN_PASSWORD", PASSWORD)
    said: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/tutorial.md", "exec"), said)

    assert said["promotion"]["status"] == "approved"
    assert said["metrics"]["decisions"]["total"] > 24 * 28
    assert said["metrics"]["total_trades"] > 0
    assert {signal["coin_type"] for signal in said["bought"]} == {"BTC", "ETH"}
    for signal in [*said["bought"], *said["sold"]]:
        assert signal["denials"] == []
        assert [row["ledger"] for row in signal["evidence"]] == ["exchange"]
        assert installation.manage("replay_decision", str(signal["id"])).endswith("the same again\n")
    own = {"account": said["paper"]["id"], "algorithm_id": said["algorithm"]["id"]}
    trades = said["get"]("/floor/trades", **own)["results"]
    earned = sum(
        (
            D(trade["value_aud"]) * (1 if trade["side"] == "sell" else -1) - D(trade["fee_aud"])
            for trade in trades
        ),
        D(0),
    )
    assert D(said["mine"]["realized_pnl"]) == earned
    for by in ("ledger", "source", "row"):
        rows = said["get"]("/floor/pnl/by-signal", account=said["paper"]["id"], by=by)
        total = said["get"]("/floor/pnl/summary", account=said["paper"]["id"])
        for figure in ("realized_pnl", "fees" if by == "ledger" else "realized_pnl"):
            name = "total_fees" if figure == "fees" else figure
            assert sum((D(row[figure]) for row in rows), D(0)) == D(total[name]), (by, figure)
    evidence = {(row["table"], row["row_id"]) for signal in said["bought"] for row in signal["evidence"]}
    assert evidence <= {(row["table"], row["row_id"]) for row in rows}
    assert "earned" in capsys.readouterr().out


def test_page_has_its_blocks() -> None:
    assert len(BLOCKS) == 8
