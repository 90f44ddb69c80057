"""Log constant event names with fields, each line with its request or task id, and no secrets."""

from typing import Any

import structlog

SECRET_NAMES = frozenset(
    [
        "password",
        "token",
        "secret",
        "api_key",
        "api_secret",
        "read_only_key",
        "read_only_secret",
        "authorization",
        "cookie",
        "sign",
        "auth_token",
        "secret_key",
    ]
)


def redact(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Blank the fields whose names say that they hold a secret."""
    return {name: "[redacted]" if name.lower() in SECRET_NAMES else value for name, value in event.items()}


def configure(*, as_json: bool, level: str) -> dict[str, Any]:
    """Set structlog up and give the matching `LOGGING` for Django and Celery.

    Tracebacks never show local variables: those may hold keys.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "main": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": shared,
            }
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "main"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django.server": {"handlers": [], "propagate": False},
            # django-structlog logs each request and its failure once, with its id.
            "django.request": {"level": "CRITICAL"},
            "django_structlog.celery": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
            # At DEBUG it writes each request's path, and a webhook's is its key.
            "urllib3": {"level": "INFO"},
        },
    }
