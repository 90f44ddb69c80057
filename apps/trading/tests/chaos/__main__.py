"""Run orders under fire: `python -m apps.trading.tests.chaos --seed 1 2 3 --orders 1000`.

Ends with status 1, naming the seed and every breach, when anything was doubled, lost or wrong, and with 2,
naming the seed, when the harness itself broke: that proves nothing either way.
`--without fence|lock|index` takes a safeguard away first; then it has to end with status 1.
"""

import argparse
import os
import secrets
import shutil
import sys
import tempfile
import threading
import traceback
from pathlib import Path

from apps.trading.tests.chaos.servers import Servers
from ohmycoins.local.paths import layout
from ohmycoins.sandbox.server import Sandbox

SETTINGS = {
    "TRADING_MODE": "live", "OMC_SETTLE_SECONDS": "1.2", "OMC_SUBMIT_DEADLINE_SECONDS": "0.6",
    "OMC_RECONCILE_SECONDS": "0.5", "OMC_ENV_FILE": "/nonexistent", "LOG_LEVEL": "ERROR",
    "DJANGO_SETTINGS_MODULE": "ohmycoins.settings", "PYTHONWARNINGS": "ignore",
}  # fmt: skip


def main() -> int:
    given = _arguments()
    # As root the servers run as another user, who must reach their directory.
    home = Path(tempfile.mkdtemp(prefix="omc-chaos-", dir="/tmp"))
    home.chmod(0o711)
    place = layout(home / "data")
    place.data.mkdir(mode=0o711)
    place.logs.mkdir()
    os.environ.update(SETTINGS, OMC_DATA_DIR=str(place.data), SECRET_KEY=secrets.token_hex(16))
    os.environ.update(DATABASE_URL=place.database_url(), REDIS_URL=place.redis_url())
    servers = Servers(place)
    failed = True
    try:
        servers.start()
        with Sandbox(0, seed=given.seed[0]) as sandbox:
            threading.Thread(target=sandbox.serve_forever, args=(0.01,), daemon=True).start()
            os.environ["COINSPOT_URL"] = sandbox.url
            failed = _run(given, servers, sandbox)
            sandbox.shutdown()
    finally:
        servers.stop()
        if failed and given.keep:
            print(f"kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one run for each")
    parser.add_argument("--orders", type=int, default=60, help="accepted orders, over all seeds")
    parser.add_argument("--without", choices=["fence", "lock", "index"], default="", help="what to take away")
    parser.add_argument("--keep", action="store_true", help="keep logs and data of a failed run")
    return parser.parse_args()


def _run(given: argparse.Namespace, servers: Servers, sandbox: Sandbox) -> bool:
    import django

    django.setup()
    from django.core.management import call_command

    from apps.trading.tests.chaos.mutations import weaken, weaken_database
    from apps.trading.tests.chaos.run import Run

    call_command("migrate", verbosity=0)
    weaken(given.without)
    weaken_database(given.without)
    share, rest = divmod(given.orders, len(given.seed))
    failed = False
    for number, seed in enumerate(given.seed):
        run = Run(
            seed=seed, orders=share + (number < rest), servers=servers, sandbox=sandbox, without=given.without
        )
        try:
            breaches = run.run()
        except BaseException:
            print(f"seed {seed}: CRASHED, which proves nothing", flush=True)
            raise
        print(run.report(), flush=True)
        for breach in breaches:
            print(f"seed {seed}: {breach}", flush=True)
        print(
            f"seed {seed}: {'FAILED: ' + str(len(breaches)) + ' breaches' if breaches else 'ok'}", flush=True
        )
        failed |= bool(breaches)
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:
        traceback.print_exc()
        sys.exit(2)
