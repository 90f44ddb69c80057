"""Report errors to Sentry, if the operator wants it, and send no more than where and what they were.

Left out: local variables, request bodies, headers, cookies, query strings, users, task arguments, breadcrumbs.
Of what an error itself says its first line is sent: messages of ours hold no secrets, and PostgreSQL tells of rows
from the second line on.
"""

from typing import Any

from ohmycoins.core.logs import SECRET_NAMES

KEPT_OF_REQUEST = ("method", "url")
LONGEST = 300


def report_errors(dsn: str) -> None:
    """Report the errors of this process and of those that it forks from now on."""
    import sentry_sdk  # only who asked for it keeps it in memory
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        dsn=dsn, send_default_pii=False, include_local_variables=False, include_source_context=False,
        max_request_body_size="never", max_breadcrumbs=0, before_send=scrub, auto_session_tracking=False,
        # What is logged was handled, and is not an error twice; fields of log lines stay here.
        integrations=[LoggingIntegration(level=None, event_level=None)],
    )  # fmt: skip


def scrub(event: Any, hint: Any) -> Any:
    """Take out of an event what could name a person or open a door."""
    for name in ("user", "breadcrumbs", "server_name"):
        event.pop(name, None)
    for raised in event.get("exception", {}).get("values", ()):
        raised["value"] = next(iter(str(raised.get("value") or "").splitlines()), "")[:LONGEST]
    if request := event.get("request"):
        event["request"] = {name: request[name] for name in KEPT_OF_REQUEST if name in request}
    job = event.get("extra", {}).get("celery-job")
    event["extra"] = {"task": job["task_name"]} if job and "task_name" in job else {}
    for name, words in event.get("contexts", {}).items():
        event["contexts"][name] = {
            word: said for word, said in words.items() if word.lower() not in SECRET_NAMES
        }
    return event
