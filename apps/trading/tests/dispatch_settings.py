"""The product's settings with the rule that tests tell what to do, for workers that a test starts."""

from ohmycoins.settings import *  # noqa: F403
from ohmycoins.settings import ALGORITHMS

ALGORITHMS = ALGORITHMS | {"told": "apps.trading.tests.rules.Told"}
