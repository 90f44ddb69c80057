"""Where settings come from."""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from ohmycoins import env as environment


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    with patch.dict(os.environ, OMC_ENV_FILE=str(tmp_path / ".env")):
        yield


def test_env_file_fills_in_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OMC_TEST_A=file\nOMC_TEST_B=file\n")
    os.environ["OMC_TEST_A"] = "process"
    environment.load()
    assert (environment.env.str("OMC_TEST_A"), environment.env.str("OMC_TEST_B")) == ("process", "file")


def test_value_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    os.environ["OMC_TEST_SECRET_FILE"] = str(tmp_path / "secret")
    assert environment.env.str("OMC_TEST_SECRET") == "from the file"


def test_aws_secret_fills_in_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def client(service: str) -> Any:
        secret = json.dumps({"OMC_TEST_A": "aws", "OMC_TEST_B": 5})
        return SimpleNamespace(
            get_secret_value=lambda **kwargs: asked.append((service, kwargs)) or {"SecretString": secret}
        )

    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=client))
    os.environ.update(AWS_SECRET_ARN="arn:x", OMC_TEST_A="process")
    environment.load()
    assert asked == [("secretsmanager", {"SecretId": "arn:x"})]
    assert (os.environ["OMC_TEST_A"], os.environ["OMC_TEST_B"]) == ("process", "5")


def test_aws_without_boto3_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    os.environ["AWS_SECRET_ARN"] = "arn:x"
    with pytest.raises(SystemExit, match="pip install boto3"):
        environment.load()


def test_local_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"
    first = environment.local_secret(path)
    assert environment.local_secret(path) == first
    assert len(first) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
