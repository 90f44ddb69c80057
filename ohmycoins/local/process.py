"""Start, watch and stop child processes so that none outlives its supervisor."""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ohmycoins.local.paths import walkable

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartError(Exception):
    """Say in one line why something could not be started, and what to do about it."""


@dataclass(slots=True)
class Child:
    """One supervised process: its command, its way of stopping, and its running instance."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path | None = None
    """Where its output goes; None prefixes each line with the name and prints it."""
    stop_signals: Sequence[tuple[signal.Signals, float]] = (
        (signal.SIGTERM, 60.0),
        (signal.SIGQUIT, 10.0),
        (signal.SIGKILL, 5.0),
    )
    """What to send, in turn, and the seconds to wait after each."""
    death_signal: signal.Signals = signal.SIGTERM
    """What the kernel sends when the supervisor itself is killed (Linux)."""
    unprivileged: bool = False
    """Run as `nobody` when we are root."""
    keep_fds: tuple[int, ...] = ()
    """Descriptors it inherits, such as the lock that shows something is still running."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it in a session of its own, so that a terminal's Ctrl-C reaches only us.

        Call from the main thread: the death signal is tied to the thread that forks.
        """
        identity: Any = server_identity() if self.unprivileged else {}
        output: IO[bytes] | int = subprocess.PIPE
        if self.log:
            output = self.log.open("ab")
        self.process = subprocess.Popen(
            list(self.command),
            cwd=self.cwd,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=self.keep_fds,
            preexec_fn=_death_pact(self.death_signal),  # noqa: PLW1509 - one prctl call, no locks taken
            **identity,
        )
        if self.process.stdout:
            threading.Thread(target=_copy_lines, args=(self.name, self.process.stdout), daemon=True).start()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End it, from polite to certain; return once it is gone."""
        for sent, seconds in self.stop_signals:
            if self.process is None or self.process.poll() is not None:
                return
            self.process.send_signal(sent)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue


def server_identity() -> dict[str, Any]:
    """Give the Popen arguments that make a server run as `nobody`; none unless we are root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own_directory(path: Path) -> None:
    """Make `path` a directory of mode 0700 that belongs to the user the servers run as.

    Raises StartError when something that is not ours already stands there.
    """
    _claim(path)
    if os.geteuid() == 0:
        os.chown(path, *server_owner())
    path.chmod(0o700)


def _claim(path: Path) -> None:
    """Make `path` a directory, and refuse one that someone else has put there, or above in a shared place."""
    ours = (os.geteuid(), server_owner()[0])
    path.mkdir(parents=True, exist_ok=True)
    for part in (path, path.parent):
        shared = part.stat().st_mode & stat.S_ISVTX  # such as /tmp: anyone may put things there
        if not shared and (part.is_symlink() or part.lstat().st_uid not in (*ours, 0)):
            raise StartError(f"{part} belongs to someone else: move it away or choose another OMC_DATA_DIR")


def server_owner() -> tuple[int, int]:
    """Give the uid and gid that own the servers' files."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def carried(package: str, inside: str, shelter: Path) -> Path | None:
    """Find the directory `inside` of an installed wheel without importing it; None if it is not there.

    Where the servers' user cannot walk to it, it is copied into `shelter`, with the libraries that the
    wheel keeps beside the package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0 or walkable(found):
        return found / inside
    target = shelter / "wheels"
    for part in (Path(package, inside), Path(f"{package}.libs")):
        source = found.parent / part
        if source.exists() and not (target / part).exists():
            partial = target / f"{part.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(source, partial, symlinks=True)
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            partial.rename(target / part)
    return target / package / inside


def wait_until(ready: Callable[[], bool], *, child: Child, seconds: float, what: str) -> None:
    """Poll `ready` until it holds.

    Raises StartError when `child` dies first (another server may be answering in its place) or when
    `seconds` have passed.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not child.alive:
            where = f"see {child.log}" if child.log else "see its output above"
            raise StartError(f"{what} ended while starting: {where}")
        if ready():
            return
        time.sleep(0.05)
    child.stop()
    raise StartError(f"{what} did not answer within {seconds:.0f} s")


def _death_pact(sent: signal.Signals) -> Callable[[], None] | None:
    if _libc is None:
        return None
    supervisor, prctl = os.getpid(), _libc.prctl

    def pact() -> None:
        prctl(PR_SET_PDEATHSIG, int(sent))
        if os.getppid() != supervisor:  # it died between the fork and the call above
            os._exit(1)

    return pact


def _copy_lines(name: str, stream: IO[bytes]) -> None:
    for line in stream:
        text = line.decode(errors="replace").rstrip("\n")
        print(f"{name:<15} | {text}", flush=True)
