"""Report errors to Sentry, if the operator wants it, and send no more than where and what they were.

Left out: local variables, request bodies, headers, cookies, query strings, users, task arguments, breadcrumbs.
What an error itself says is sent; messages of ours hold no secrets.
"""

from typing import Any

from ohmycoins.core.logs import SECRET_NAMES

KEPT_OF_REQUEST = ("method", "url")


def report_errors(dsn: str) -> None:
    """Report the errors of this process and of those that it forks from now on."""
    import sentry_sdk  # only who asked for it keeps it in memory

    sentry_sdk.init(
        dsn=dsn, send_default_pii=False, include_local_variables=False, include_source_context=False,
        max_request_body_size="never", max_breadcrumbs=0, before_send=scrub, server_name="",
    )  # fmt: skip


def scrub(event: Any, hint: Any) -> Any:
    """Take out of an event what could name a person or open a door."""
    event.pop("user", None)
    event.pop("breadcrumbs", None)
    if request := event.get("request"):
        event["request"] = {name: request[name] for name in KEPT_OF_REQUEST if name in request}
    job = event.get("extra", {}).get("celery-job")
    event["extra"] = {"task": job["task_name"]} if job and "task_name" in job else {}
    for name, words in event.get("contexts", {}).items():
        event["contexts"][name] = {
            word: said for word, said in words.items() if word.lower() not in SECRET_NAMES
        }
    return event
