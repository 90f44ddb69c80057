"""`manage.py backfill`: collect what was long ago."""

import argparse
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import Progress

from apps.ledgers.parsers import candle_csv
from apps.ledgers.services.backfill import backfill, past_of
from apps.ledgers.services.candles import KINDS, store_candles
from apps.ledgers.services.collect import RunFailed
from ohmycoins.core import clock
from ohmycoins.core.errors import DomainError


class Command(BaseCommand):
    help = (
        "Collect a source's past back to a date: the parts that are done are passed over the next time. "
        "CoinSpot's prices have no past of their own; with --csv their candles are read from a file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("collector")
        parser.add_argument("--since", required=True, type=_day, help="a date, such as 2025-01-31 (UTC)")
        parser.add_argument("--again", action="store_true", help="also the parts that are done")
        parser.add_argument("--csv", type=Path, help="candles: time,open,high,low,close[,volume]")
        parser.add_argument("--coin", help="which coin the file is about, such as BTC")
        parser.add_argument("--market", default="AUD", help="what its prices are in (AUD)")
        parser.add_argument("--interval", choices=[kind.interval for kind in KINDS], default="day")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["since"] > clock.now():
            raise CommandError(f"--since {options['since']:%Y-%m-%d} lies in the future")
        try:
            failed = self._from_csv(options) if options["csv"] else self._from_source(options)
        except (DomainError, RunFailed) as error:
            raise CommandError(str(error)) from error
        if failed:
            raise CommandError(f"{failed} parts failed; run the command again to collect them")

    def _from_source(self, options: dict[str, Any]) -> int:
        name, since = options["collector"], options["since"]
        failed = 0
        with Progress() as progress:
            bar = progress.add_task(name, total=len(past_of(name).parts(since)))
            for part in backfill(name, since=since, again=options["again"]):
                failed += bool(part.error)
                progress.advance(bar)
                progress.print(f"{part.name}: {_describe(part.stored, part.error)}")
        return failed

    def _from_csv(self, options: dict[str, Any]) -> int:
        if options["collector"] != "coinspot_prices" or not options["coin"]:
            raise CommandError("--csv goes with coinspot_prices and --coin")
        width = next(kind.width for kind in KINDS if kind.interval == options["interval"])
        about = {name: options[name] for name in ("coin", "market", "interval")}
        try:
            records = candle_csv.parse(options["csv"].read_bytes(), **about, width=width)
        except OSError as error:
            raise CommandError(f"{options['csv']}: {error.strerror}") from error
        except candle_csv.BadLines as error:
            raise CommandError(f"nothing was stored: {error}") from error
        wanted = [record for record in records if record.occurred_at >= options["since"]]
        stored = store_candles(wanted, width=width)
        self.stdout.write(f"{stored} candles stored, {len(wanted) - stored} already known")
        return 0


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date, such as 2025-01-31") from error


def _describe(stored: int | None, error: str) -> str:
    if error:
        return f"failed: {error}"
    return "done before" if stored is None else f"{stored} new"
