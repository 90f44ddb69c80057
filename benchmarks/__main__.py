"""`python -m benchmarks [WORD]`: run every benchmark whose module's name contains WORD."""

import importlib
import os
import sys

MODULES = ("pages", "fills", "ledgers", "claims", "orders", "dispatch", "text", "audit", "backtests", "watch")


def main() -> int:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "ohmycoins.settings", "LOG_LEVEL": "ERROR"}
    from ohmycoins.local.testing import servers

    word = sys.argv[1] if len(sys.argv) > 1 else ""
    with servers(settings={}):  # production durability
        import django

        django.setup()
        from django.core.management import call_command

        call_command("prepare", verbosity=0)
        rows = [
            row
            for name in MODULES
            if word in name
            for row in importlib.import_module(f"benchmarks.{name}").rows()
        ]
    if not rows:
        print("nothing to measure here: see the module's docstring")
        return 0
    width = max(len(row.name) for row in rows)
    print(f"\n{'':{width}}  {'measured':>16} {'floor':>16} {'ratio':>8}   target")
    for row in rows:
        mark = "met" if row.met else "MISSED"
        print(
            f"{row.name:{width}}  {row.measured:>16} {row.floor:>16} {row.ratio:>7.2f}×   {row.target:<7} {mark}"
        )
    return 0


sys.exit(main())
