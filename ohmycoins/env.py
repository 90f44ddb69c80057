"""Read settings from the environment, from files and from AWS Secrets Manager.

A value is looked up in this order: `NAME_FILE` (a path holding the value), `NAME` in the process's
environment, `NAME` in the project's `.env`, and, when `AWS_SECRET_ARN` is set, the JSON object kept
there. The first that has it wins.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent.parent


class Env(environ.FileAwareEnv):  # type: ignore[misc]
    """django-environ's typed readers; what ends a file's last line is not part of its value."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        value = super().get_value(var, *args, **kwargs)
        return value.strip() if isinstance(value, str) else value


env = Env()


def load() -> None:
    """Complete `os.environ` from `.env` and AWS Secrets Manager, never overriding what is set.

    Raises SystemExit, naming the remedy, when `AWS_SECRET_ARN` is set and boto3 is not installed.
    """
    env.read_env(os.environ.get("OMC_ENV_FILE", str(BASE_DIR / ".env")))
    if arn := os.environ.get("AWS_SECRET_ARN"):
        for name, value in _aws_secret(arn).items():
            os.environ.setdefault(name, str(value))


def _aws_secret(arn: str) -> dict[str, object]:
    try:
        import boto3
    except ImportError as error:
        raise SystemExit("AWS_SECRET_ARN is set but boto3 is not installed: pip install boto3") from error
    answer = boto3.client("secretsmanager").get_secret_value(SecretId=arn)
    values = json.loads(answer["SecretString"])
    if not isinstance(values, dict):
        raise SystemExit("the secret named by AWS_SECRET_ARN must hold one JSON object of settings")
    return values


def data_dir() -> Path:
    """Give the directory that holds all local state (`OMC_DATA_DIR`, relative to the project)."""
    return Path(BASE_DIR, env.str("OMC_DATA_DIR", default=".data")).resolve()


def local_secret(path: Path) -> str:
    """Read the secret kept at `path`, generating it (mode 0600) the first time.

    Two processes may start at once: the one that loses the exclusive create reads the winner's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        value = secrets.token_urlsafe(48)
        file.write(value)
    return value
