"""Orders under fire: nothing doubled, nothing lost, every amount exact (`apps.trading.tests.chaos`).

The short form is one seed; `make chaos` runs as many as you like, and `--without` shows that it bites.
"""

import os
import subprocess
import sys

import pytest

from ohmycoins.env import BASE_DIR


def run_chaos(*arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run the harness in a process of its own, with servers and settings of its own."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMC_", "DATABASE_", "REDIS_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "apps.trading.tests.chaos", *arguments], cwd=BASE_DIR, env=mine, capture_output=True,
        text=True, timeout=seconds, check=False,
    )  # fmt: skip


def test_killed_workers_and_a_failing_venue_neither_double_nor_lose_an_order() -> None:
    done = run_chaos("--seed", "1", "--orders", "60", seconds=240)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "seed 1: ok" in done.stdout


@pytest.mark.slow
def test_thousand_orders_over_several_seeds_are_neither_doubled_nor_lost() -> None:
    done = run_chaos("--seed", "1", "2", "3", "4", "--orders", "1000", seconds=3600)
    assert done.returncode == 0, done.stdout[-9000:] + done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("safeguard", "breaches"),
    [
        ("fence", ["after its fence"]),
        ("lock", ["passed a limit that allows one", "day_start_once", "order_one_unresolved"]),
        ("index", ["one_unresolved"]),
    ],
)
def test_without_a_safeguard_the_suite_fails_for_want_of_it(safeguard: str, breaches: list[str]) -> None:
    done = run_chaos("--seed", "1", "--orders", "60", "--without", safeguard, seconds=240)
    assert done.returncode == 1, "2 is a crash, which proves nothing" + done.stderr[-3000:]
    assert any(breach in done.stdout for breach in breaches), done.stdout[-6000:]
