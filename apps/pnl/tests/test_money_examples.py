"""The examples of docs/money.md: imported and asked for over HTTP, each figure as the page says."""

import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.trading.tests.factories import make_account

PAGE = Path(__file__).parents[3] / "docs" / "money.md"
EXAMPLE = re.compile(r"```csv\n(.*?)```\n\n(.*?)\n\n", re.DOTALL)
FIGURE = re.compile(r"`([a-z_]+)`(?: of what is left| is)* (-?\d+(?:\.\d+)?)")
EXAMPLES = EXAMPLE.findall(PAGE.read_text())


def test_page_has_its_examples() -> None:
    assert len(EXAMPLES) == 6
    assert all(FIGURE.search(said) for _, said in EXAMPLES)


@pytest.mark.django_db
@pytest.mark.parametrize(("history", "said"), EXAMPLES)
def test_example_is_true(api: APIClient, user: User, history: str, said: str) -> None:
    account = make_account(user, cash="0")
    file = SimpleUploadedFile("history.csv", history.encode())
    answer = api.post(f"/api/v1/floor/fills/import?account={account.pk}", {"file": file}, format="multipart")
    assert answer.json()["imported"] == history.count("\n") - 1
    figures: dict[str, object] = {}
    for path in ("portfolio", "pnl/summary"):
        figures |= api.get(f"/api/v1/floor/{path}?account={account.pk}").json()
    for position in api.get(f"/api/v1/floor/positions?account={account.pk}").json():
        figures |= position  # one coin an example; its cost counts although it has no price
    for name, value in FIGURE.findall(" ".join(said.split())):
        assert str(figures[name]) == value, name
