"""`python -m ohmycoins.local [--demo]`: what `make up` and `make demo` run."""

import argparse
import sys

from ohmycoins.local.supervisor import Supervisor


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ohmycoins.local", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="use the project's own simulator as every source")
    return Supervisor(demo=parser.parse_args().demo).run()


sys.exit(main())
