"""End with the supervisor, even when the ending hangs.

The kernel sends a child SIGTERM when its supervisor is killed, and a child that finishes its work ends.
One that hangs while ending (a broker that went away in the middle of it) would hold the data's lock
until somebody looks: so it is ended from within.
"""

import os
import threading
import time

SUPERVISOR = "OMC_SUPERVISOR_PID"
LOOK_SECONDS = 1.0
GRACE_SECONDS = 20.0


def end_with_supervisor() -> None:
    """Watch the supervisor that started this process; no-op for a process that has none."""
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor and os.getppid() == int(supervisor):
        threading.Thread(target=_watch, args=(int(supervisor),), daemon=True).start()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(LOOK_SECONDS)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
