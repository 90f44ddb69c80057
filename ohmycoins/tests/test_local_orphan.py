"""A child that hangs while ending does not outlive its supervisor."""

import subprocess
import sys
import time

import psutil

CHILD = """
import signal, time
from ohmycoins.local import orphan
orphan.LOOK_SECONDS, orphan.GRACE_SECONDS = 0.05, 0.2
signal.signal(signal.SIGTERM, signal.SIG_IGN)
orphan.end_with_supervisor()
print("ready", flush=True)
time.sleep(60)
"""
SUPERVISOR = """
import os, subprocess, sys, time
os.environ["OMC_SUPERVISOR_PID"] = str(os.getpid())
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_child_that_hangs_ends_with_its_supervisor_and_not_before() -> None:
    command = [sys.executable, "-c", SUPERVISOR, CHILD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = psutil.Process(int(supervisor.stdout.readline()))
        time.sleep(0.5)
        assert child.is_running()
        supervisor.kill()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != "zombie" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.is_running() or child.status() == "zombie"
