#!/usr/bin/env python
"""Run a management command."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ohmycoins.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
    except ImportError:
        sys.exit("Django is not installed here: run `make up` once, then .venv/bin/python manage.py …")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        from django.conf import settings
        from django.db import connection

        try:
            connection.ensure_connection()
        except OperationalError:
            sys.exit(
                "The database is not running: start it with `make up` (in another terminal), or set"
                f" DATABASE_URL. (tried {settings.DATABASES['default']['HOST'] or 'the default socket'})"
            )
        raise error


if __name__ == "__main__":
    main()
