"""Ledgers as a Django app."""

from django.apps import AppConfig


class LedgersConfig(AppConfig):
    name = "apps.ledgers"
    verbose_name = "Ledgers"
