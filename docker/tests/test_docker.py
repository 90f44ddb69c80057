"""The container files, as far as they can be proved without an engine.

The compose file is parsed and checked, and the entrypoint's roles run for real against the embedded
servers. That the image builds is not proved here.
"""

import json
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

from apps.monitoring.metrics import tasks
from ohmycoins.env import BASE_DIR

DOCKER = Path(__file__).parents[1]
WORKERS = ("worker-orders", "worker-collect", "worker-default", "worker-lab")
ROLES = {"web", "beat", "prepare", *WORKERS}
WATCHING = {"prometheus", "grafana"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]


def test_compose_has_every_role_and_both_servers(services: dict[str, Any]) -> None:
    assert set(services) == ROLES | WATCHING | {"postgres", "redis"}
    assert {name for name, service in services.items() if "profiles" in service} == WATCHING
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


def test_who_is_alerted_and_answers_slowly_holds_up_no_brake() -> None:
    text = (DOCKER / "entrypoint.sh").read_text()
    (at_once,) = re.findall(r'worker default default -c "\$\{WORKER_PROCESSES:-(\d+)\}"', text)
    assert int(at_once) >= 2, "one worker sends (`deliveries.deliver_due`), the others go on"


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
    assert published == [
        "127.0.0.1:${OMC_PORT:-8000}:8000", "127.0.0.1:${PROMETHEUS_PORT:-9090}:9090",
        "127.0.0.1:${GRAFANA_PORT:-3000}:3000",
    ]  # fmt: skip


def test_every_role_counts_in_one_place(services: dict[str, Any]) -> None:
    for name in ROLES:
        assert services[name]["environment"]["PROMETHEUS_MULTIPROC_DIR"] == "/metrics"
        assert services[name]["volumes"] == ["metrics:/metrics"]


def expressions() -> dict[str, str]:
    """Give what the alert rules and the dashboard's panels ask Prometheus for, by their names."""
    groups = yaml.safe_load((DOCKER / "prometheus" / "alerts.yml").read_text())["groups"]
    asked = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    for panel in json.loads((DOCKER / "grafana" / "ohmycoins.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            asked[f"{panel['title']} {target['refId']}"] = target["expr"]
    return asked


@pytest.mark.django_db
def test_alert_rules_and_dashboard_ask_for_families_that_there_are(client: Any, settings: Any) -> None:
    settings.METRICS_TOKEN = "read-me"
    text = client.get("/metrics", HTTP_AUTHORIZATION="Bearer read-me").content.decode()
    text += client.get(
        "/metrics", HTTP_AUTHORIZATION="Bearer read-me"
    ).content.decode()  # the first was counted
    there = set(re.findall(r"^# TYPE (\S+)", text, re.M)) | {"up"}
    # What workers count is not counted here, and has its names in a module of its own.
    there |= {f"{tasks.TASKS._name}_total", tasks.RUNTIME._name, tasks.RUNNING._name}
    for title, expression in expressions().items():
        names = re.findall(r"\b(?:omc|django|trust)_\w+|\bup\b", expression)
        assert names or "vector" in expression, title
        for name in names:
            assert re.sub(r"_(bucket|sum|count)$", "", name) in there or name in there, f"{title}: {name}"


def test_alert_rules_are_named_once_and_each_says_how_bad_it_is() -> None:
    groups = yaml.safe_load((DOCKER / "prometheus" / "alerts.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    assert {"BeatDead", "QueueSilent", "InvariantBroken", "AlertsGivenUp"} <= {
        rule["alert"] for rule in rules
    }
    for rule in rules:
        assert rule["labels"]["severity"] in ("low", "medium", "high"), rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]


def test_dashboard_has_every_panel_once_and_none_over_another() -> None:
    panels = json.loads((DOCKER / "grafana" / "ohmycoins.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_prometheus_brings_the_token_by_a_file_that_compose_mounts(services: dict[str, Any]) -> None:
    (job,) = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": "/run/secrets/metrics_token"}
    assert services["prometheus"]["secrets"] == ["metrics_token"]


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
