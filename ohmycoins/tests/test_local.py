"""Where the embedded servers live, and how they are started."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from ohmycoins.local import paths, postgres, process, redis
from ohmycoins.local.paths import layout, walkable
from ohmycoins.local.process import Child, StartError, wait_until
from ohmycoins.local.supervisor import Service, Supervisor

SECONDS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


def child(program: str, tmp_path: Path, **options: object) -> Child:
    return Child(
        name="child", command=[sys.executable, "-c", program], env=dict(os.environ), cwd=tmp_path,
        log=tmp_path / "log", stop_signals=SECONDS, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_long_path_gets_a_short_socket_directory(tmp_path: Path) -> None:
    deep = layout(tmp_path / ("d" * 100) / "data")
    assert len(str(deep.run / paths.POSTGRES_SOCKET)) <= paths.SOCKET_PATH_LIMIT
    assert layout(tmp_path / ("d" * 100) / "data") == deep
    assert layout(tmp_path / ("e" * 100) / "data").run != deep.run


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the servers as another user")
def test_root_keeps_server_files_out_of_closed_directories(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    found = layout(closed / "data")
    assert not walkable(closed)
    assert found.data == closed / "data"
    assert found.home.parent == paths.SHELTER
    assert closed.stat().st_mode & 0o777 == 0o700, "its mode was not loosened"


def test_directory_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StartError, match="belongs to someone else"):
        process.own_directory(tmp_path / "link")


def test_cluster_of_another_major_version_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    with pytest.raises(StartError, match=r"written by PostgreSQL 15 and this is 18: dump it"):
        postgres._initialise(Path("/nonexistent"), tmp_path)


def test_child_that_ends_while_starting_is_an_error_at_once(tmp_path: Path) -> None:
    dying = child("raise SystemExit(3)", tmp_path)
    dying.start()
    began = time.monotonic()
    with pytest.raises(StartError, match="ended while starting"):
        wait_until(lambda: False, child=dying, seconds=30, what="it")
    assert time.monotonic() - began < 10


def test_child_that_never_answers_is_stopped(tmp_path: Path) -> None:
    silent = child("import time; time.sleep(60)", tmp_path)
    silent.start()
    with pytest.raises(StartError, match="did not answer within 0 s"):
        wait_until(lambda: False, child=silent, seconds=0.2, what="it")
    assert not silent.alive


def test_stubborn_child_is_killed_in_the_end(tmp_path: Path) -> None:
    stubborn = child(
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
        tmp_path,
    )
    stubborn.stop_signals = ((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0))
    stubborn.start()
    while "up" not in (tmp_path / "log").read_text():
        time.sleep(0.01)
    stubborn.stop()
    assert not stubborn.alive


def test_dead_service_is_started_again_with_growing_pauses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    starts: list[Child] = []

    def start() -> Child:
        starts.append(child("", tmp_path))
        starts[-1].start()
        assert starts[-1].process is not None
        starts[-1].process.wait()
        return starts[-1]

    service = Service(start=start, child=start())
    now = time.monotonic()
    for expected in (1.0, 2.0, 4.0, 8.0):
        service.keep(now)
        assert service.retry_at == now + expected
        service.keep(now + expected - 0.1)
        before = len(starts)
        now += expected
        service.keep(now)
        assert len(starts) == before + 1
    assert "child ended; starting it again in 8 s" in capsys.readouterr().out


@pytest.mark.skipif(not redis._binary(layout(Path("/tmp/none"))), reason="no Redis binary on this platform")
def test_stand_in_redis_answers_and_says_that_it_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redis, "_binary", lambda _: None)
    tmp_path.chmod(0o711)
    place = layout(tmp_path)
    place.logs.mkdir()
    server = redis.start(place)
    try:
        assert place.redis_url().startswith("redis://127.0.0.1:")
        assert "live trading is refused" in capsys.readouterr().out
    finally:
        server.stop()
        shutil.rmtree(place.home, ignore_errors=True)  # root's may lie outside tmp_path


def test_seed_of_the_demo_ends_when_the_supervisor_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    supervisor = Supervisor(demo=False)
    supervisor.stopping.set()
    begun_at = time.monotonic()
    supervisor._seed()
    assert time.monotonic() - begun_at < 10
