"""Keep each process's counters in files of its own, told apart by host and process.

prometheus_client names the files after the process id alone, which two containers have in common. The files
of processes that ended still count; only what they were in the middle of does not.

Import this before any metric is made: a metric takes its kind of value from `prometheus_client.values` then.
"""

import os
import re
import socket
from contextlib import suppress
from pathlib import Path

from prometheus_client import values

# Neither `_` nor `.`: prometheus_client takes a file's name apart at them.
HOST = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
LIVE = "gauge_live*.db"


def identity() -> str:
    """Give what no other running process calls itself."""
    return f"{HOST}-{os.getpid()}"


def forget_the_dead(directory: Path) -> None:
    """Remove what processes of this host were in the middle of when they were killed."""
    for file in directory.glob(LIVE):
        host, _, pid = file.stem.rpartition("_")[2].rpartition("-")
        if host == HOST and pid.isdigit() and not _runs(int(pid)):
            with suppress(FileNotFoundError):
                file.unlink()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True


values.ValueClass = values.MultiProcessValue(identity)  # type: ignore[no-untyped-call]
