"""What docs/seams.md and docs/algorithms.md say of algorithms is so."""

import re
import sys
from collections.abc import Iterator
from decimal import Decimal as D
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from apps.trading import algorithms
from apps.trading.algorithms.base import as_json, read_parameters
from apps.trading.tests.views import ask, bars, book_of, tick
from ohmycoins.core import seams

DOCS = django_settings.BASE_DIR / "docs"
DAY = bars([*[100] * 20, 200, *[150] * 3])
HELD = book_of(BTC=("1", "100"))


@pytest.fixture
def dip(settings: Settings) -> Iterator[Any]:
    """Make the page's file importable and name it in the setting, as the page says."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "seams.md").read_text(), re.DOTALL)
    (source,) = [block for block in blocks if "class Dip:" in block]
    module = ModuleType(f"{algorithms.__name__}.dip")
    sys.modules[module.__name__] = module
    algorithms.dip = module  # type: ignore[attr-defined]
    exec(compile(source, "seams.md", "exec"), module.__dict__)
    settings.ALGORITHMS = {"dip": "apps.trading.algorithms.dip.Dip"}
    seams.load.cache_clear()
    yield seams.load("ALGORITHMS")["dip"]
    seams.load.cache_clear()
    del sys.modules[module.__name__], algorithms.dip  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("price", "book", "action"),
    [
        ("180", None, "buy"),
        ("180.01", None, "hold"),
        ("180", HELD, "hold"),
        ("200", HELD, "sell"),
        ("200", None, "hold"),
    ],
)
def test_the_example_trades_as_it_says(dip: Any, price: str, book: Any, action: str) -> None:
    assert seams.check_seams() == []
    newest = tick(last=price)
    signal = ask(dip, [*DAY, newest], **({"book": book} if book else {}))
    assert signal.action == action
    if action != "hold":
        assert (signal.evidence, signal.fraction) == ((newest.ref, DAY[20].ref), D(1))
    assert ask(dip, DAY[1:]).reason == "the day is not known"


@pytest.mark.parametrize("slug", sorted(django_settings.ALGORITHMS))
def test_the_page_has_every_rule_with_its_inputs_and_every_parameter_with_its_default(slug: str) -> None:
    rule = seams.load("ALGORITHMS")[slug]
    page = (DOCS / "algorithms.md").read_text()
    (section,) = [part for part in page.split("\n## ") if part.startswith(f"{rule.title} (`{slug}`)")]
    parameters = read_parameters(rule, {})
    for name, default in as_json(parameters).items():
        shown = str(default).replace("'", '"') if isinstance(default, dict) else default
        shown = ", ".join(shown) if isinstance(shown, list) else shown
        assert f"| `{name}` | {shown} |" in section, name
    for wanted in rule.inputs(parameters):
        assert wanted.series.value in section
