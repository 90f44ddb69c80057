"""The digest of a rule's code: of all that makes its signals, as the process runs it."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from apps.trading.algorithms import base, dollar_cost_averaging, rebalance
from apps.trading.algorithms.base import code_digest
from apps.trading.services.algorithms import digest_of
from ohmycoins.core import seams

TRADING = Path(base.__file__).parent.parent
FILES = ("algorithms/base.py", "algorithms/rows.py", "algorithms/view.py", "deciding.py")


@pytest.fixture
def copied(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a copy of a rule whose file may change, as the only one."""
    path = tmp_path / "copied_rule.py"
    shutil.copy(dollar_cost_averaging.__file__, path)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.ALGORITHMS = {"dollar_cost_averaging": "copied_rule.DollarCostAveraging"}
    seams.load.cache_clear()
    yield path
    seams.load.cache_clear()
    sys.modules.pop("copied_rule", None)


def test_digest_is_of_the_code_that_was_loaded_when_the_process_started(copied: Path) -> None:
    apps.get_app_config("trading").ready()
    copied.write_text(copied.read_text() + "\n# newer\n")
    assert digest_of("dollar_cost_averaging") == code_digest(dollar_cost_averaging.DollarCostAveraging)


def test_another_file_of_the_rule_is_another_digest(copied: Path) -> None:
    copied.write_text(copied.read_text() + "\n# newer\n")
    apps.get_app_config("trading").ready()
    assert digest_of("dollar_cost_averaging") != code_digest(dollar_cost_averaging.DollarCostAveraging)


@pytest.mark.parametrize("name", FILES)
def test_what_rules_share_is_in_every_digest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = FILES.index(name)
    assert base.SHARED[place] == base._digest(TRADING / name)
    before = code_digest.__wrapped__(rebalance.Rebalance)
    changed = [*base.SHARED[:place], b"x" * 32, *base.SHARED[place + 1 :]]
    monkeypatch.setattr(base, "SHARED", tuple(changed))
    assert code_digest.__wrapped__(rebalance.Rebalance) != before


def test_entry_that_cannot_be_loaded_leaves_the_word_to_the_check(settings: Any) -> None:
    settings.ALGORITHMS = {"moon": "nowhere.Moon"}
    seams.load.cache_clear()
    try:
        apps.get_app_config("trading").ready()
        assert [error.id for error in seams.check_seams()] == ["omc.E001"]
    finally:
        seams.load.cache_clear()
