"""The container files, as far as they can be proved without an engine.

The compose file is parsed and checked, and the entrypoint's roles run for real against the embedded
servers. That the image builds is not proved here.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ohmycoins.env import BASE_DIR

DOCKER = Path(__file__).parents[1]
WORKERS = ("worker-orders", "worker-collect", "worker-default", "worker-lab")
ROLES = {"web", "beat", "prepare", *WORKERS}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]


def test_compose_has_every_role_and_both_servers(services: dict[str, Any]) -> None:
    assert set(services) == ROLES | {"postgres", "redis"}
    assert {service["command"][0] for name, service in services.items() if name in ROLES} == ROLES


def test_every_long_running_service_restarts_and_has_a_grace_period(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name == "prepare":
            continue
        assert service["restart"] == "unless-stopped", name
        assert re.fullmatch(r"\d+s", service["stop_grace_period"]), name


def test_workers_outlive_the_longest_task_when_stopped(services: dict[str, Any], settings: Any) -> None:
    for name in WORKERS:
        assert int(services[name]["stop_grace_period"].rstrip("s")) > settings.CELERY_TASK_TIME_LIMIT
        assert "healthcheck" in services[name]
        assert "container_name" not in services[name], "a name would forbid scaling out"
        assert services[name]["environment"]["QUEUE"] == name.removeprefix("worker-")


def test_nothing_starts_before_the_database_is_prepared(services: dict[str, Any]) -> None:
    for name in ROLES - {"prepare"}:
        assert services[name]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
    assert set(services["prepare"]["depends_on"]) == {"postgres", "redis"}
    for server in ("postgres", "redis"):
        assert "healthcheck" in services[server]
        assert services[server]["volumes"]


def test_no_secret_has_a_default_and_only_loopback_is_published(services: dict[str, Any]) -> None:
    text = (DOCKER / "compose.yml").read_text()
    assert "${SECRET_KEY:?" in text
    assert "${POSTGRES_PASSWORD:?" in text
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:${OMC_PORT:-8000}:8000"]


def test_image_is_not_root_and_installs_the_locked_requirements() -> None:
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    assert "USER omc" in lines
    assert lines.index("USER omc") < lines.index('ENTRYPOINT ["/entrypoint.sh"]')
    assert any("--require-hashes -r requirements.txt" in line for line in lines)


@pytest.fixture
def environment(transactional_db: None, settings: Any) -> dict[str, str]:
    """Give the roles this test run's servers, and its database."""
    base = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMC_PORT": "0", "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": f"{base}/{settings.DATABASES['default']['NAME']}", "OMC_ADMIN_PASSWORD": "not shown",
    }  # fmt: skip


def run(role: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(DOCKER / "entrypoint.sh"), *role]
    return subprocess.run(
        command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_prepare_and_manage_commands_run(environment: dict[str, str]) -> None:
    done = run(["prepare"], environment)
    assert done.returncode == 0, done.stderr
    assert "created collectors: coinspot_prices" in done.stdout
    assert "not shown" not in done.stdout
    assert run(["check"], environment).returncode == 0


def _is_ready(process: subprocess.Popen[str]) -> bool:
    """Wait until the process handles SIGTERM, which each role does once it is up; false if it ended."""
    status = Path(f"/proc/{process.pid}/status")
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        caught = int(status.read_text().partition("SigCgt:")[2].split()[0], 16)
        if caught & (1 << (signal.SIGTERM - 1)):
            time.sleep(1)
            return process.poll() is None
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("role", ["web", "beat", *WORKERS])
def test_role_starts_keeps_running_and_stops_when_told(role: str, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [str(DOCKER / "entrypoint.sh"), role], cwd=BASE_DIR, env=environment | {"PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    alive = _is_ready(process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=45)
    assert alive, output
    assert process.returncode == 0, output
    assert "Traceback" not in output
