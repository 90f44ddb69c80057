"""`manage.py connect_sandbox`: give the admin user a live account, and alerts, at the simulator (`make demo`)."""

import time
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum

from apps.accounts.models import User
from apps.monitoring.models import AlertRule, Severity
from apps.monitoring.services.channels import delete_channel
from apps.monitoring.services.rules import change_rule, create_rule
from apps.trading.models import Account, Credential, Holding, Limits
from apps.trading.records import Bounds
from apps.trading.services.accounts import open_account
from apps.trading.services.activation import activate_account
from apps.trading.services.credentials import store_credentials, validate_credentials
from apps.trading.services.limits import set_limits
from ohmycoins.core import http
from ohmycoins.core.errors import OutsideError
from ohmycoins.core.http import Ask
from ohmycoins.core.money import plain
from ohmycoins.sandbox.venue.venue import DEMO, DEMO_BALANCES

NAME = "CoinSpot (simulated)"
HOST = "127.0.0.1"
START_SECONDS = 20.0  # what a sandbox may take to come up


class Command(BaseCommand):
    """Safe to run again: a sandbox that forgot everything is told what the account has by our rows."""

    help = "Open, connect and activate an account at the sandbox that COINSPOT_URL points at; send alerts to its inbox."

    def handle(self, *args: Any, **options: Any) -> None:
        if HOST not in settings.COINSPOT_URL:
            raise CommandError(f"COINSPOT_URL={settings.COINSPOT_URL} is not a sandbox on this machine")
        user = User.objects.filter(is_superuser=True).order_by("pk").first()
        if user is None:
            raise CommandError("there is no superuser yet: run manage.py prepare")
        account = Account.objects.of(user).filter(name=NAME).first()
        account = account or open_account(user=user, name=NAME, venue="coinspot")
        self._tell_sandbox(account)
        if not Credential.objects.filter(account=account).exists():
            store_credentials(
                account, api_key=DEMO.key, api_secret=DEMO.secret, read_only_key=DEMO.read_only_key,
                read_only_secret=DEMO.read_only_secret, actor="demo",
            )  # fmt: skip
        validate_credentials(account, actor="demo")
        if not Limits.objects.filter(account=account).exists():
            set_limits(account, bounds=Bounds(), actor="demo")
        if account.activated_at is None:
            activate_account(account.pk, by=user)
        self.stdout.write(f"account {account.pk}, {NAME}, trades at {settings.COINSPOT_URL}")
        _send_alerts(user, to=f"{settings.COINSPOT_URL}/inbox/demo")

    def _tell_sandbox(self, account: Account) -> None:
        """Open the account there with what it has here; a new one has what the sandbox gives it."""
        balances = {coin: plain(amount) for coin, amount in DEMO_BALANCES.items()}
        if account.connected_at:
            held = Holding.objects.filter(account=account).values("coin_type").annotate(held=Sum("quantity"))
            balances = {"AUD": plain(account.cash_aud)} | {
                row["coin_type"]: plain(row["held"]) for row in held if row["held"] > 0
            }
        body = {
            "key": DEMO.key, "secret": DEMO.secret, "read_only_key": DEMO.read_only_key,
            "read_only_secret": DEMO.read_only_secret, "balances": balances,
        }  # fmt: skip
        ask = Ask(url=f"{settings.COINSPOT_URL}/sandbox/accounts", method="POST", body=orjson.dumps(body))
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                http.request(ask)
            except OutsideError as error:
                if time.monotonic() > deadline:
                    raise CommandError(f"the sandbox does not answer: {error}") from error
                time.sleep(0.2)
            else:
                return


def _send_alerts(user: User, *, to: str) -> None:
    """Tell the sandbox's inbox of every alert; its port is another one each time."""
    rule = AlertRule.objects.of(user).filter(channels__name__endswith=HOST).first()
    if rule:
        gone = list(rule.channels.all())
        change_rule(rule, channels=[to], actor="demo")
        for channel in gone:
            delete_channel(channel, actor="demo")
    else:
        create_rule(user, channels=[to], min_severity=Severity.LOW, actor="demo")
