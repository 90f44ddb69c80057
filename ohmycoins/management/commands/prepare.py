"""`manage.py prepare`: bring the database to where the code is, and create what is missing."""

import secrets
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from apps.accounts.models import User
from apps.ledgers.services.control import sync_sources
from apps.monitoring.services.protections import sync_protections
from ohmycoins.groups import sync_groups
from ohmycoins.schedule import sync_schedules


class Command(BaseCommand):
    """Safe to run again at any time, also while the system is up."""

    help = "Migrate, then create missing collectors, schedules, groups, protections and the admin user."

    def handle(self, *args: Any, **options: Any) -> None:
        self._require_server()
        call_command("migrate", verbosity=0, interactive=False)
        for what, created in (
            ("collectors", sync_sources()),
            ("schedules", sync_schedules()),
            ("groups", sync_groups()),
            ("protections", sync_protections()),
        ):
            if created:
                self.stdout.write(f"created {what}: {', '.join(created)}")
        self._ensure_admin()

    def _require_server(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
            version = cursor.fetchone()[0]
        if version < settings.SERVER_MINIMUM:
            raise CommandError(
                f"PostgreSQL {version} is too old: {settings.SERVER_MINIMUM} or newer is needed"
            )

    def _ensure_admin(self) -> None:
        if User.objects.filter(is_superuser=True).exists():
            return
        email = settings.OMC_ADMIN_EMAIL
        password = settings.OMC_ADMIN_PASSWORD or secrets.token_urlsafe(12)
        User.objects.create_superuser(email, password)
        shown = (
            "the one in OMC_ADMIN_PASSWORD"
            if settings.OMC_ADMIN_PASSWORD
            else f"{password}   (shown only now)"
        )
        self.stdout.write(f"\n  Login:    {email}\n  Password: {shown}\n")
