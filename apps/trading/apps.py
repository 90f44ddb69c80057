"""Trading as a Django app."""

from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "apps.trading"
    verbose_name = "Trading"

    def ready(self) -> None:
        """Load every rule, and fingerprint its code before an upgrade can replace the files."""
        from apps.trading.algorithms.base import Algorithm, code_digest
        from ohmycoins.core import seams

        try:
            rules: dict[str, Algorithm] = seams.load("ALGORITHMS")
        except Exception:  # anything at all: `check_seams` says which entry, and why
            return
        for rule in rules.values():
            code_digest(type(rule))
