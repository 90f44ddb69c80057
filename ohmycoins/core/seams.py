"""Load the implementations that a setting names: `{slug: "dotted.path.Class"}`."""

from functools import cache
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

SEAMS = ("COLLECTORS", "VENUES", "ALGORITHMS")


@cache
def load(setting: str) -> dict[str, Any]:
    """Give `{slug: instance}` for the seam that `setting` names, in the setting's order.

    Instances are stateless and shared. Raises ImportError or AttributeError on a broken path.
    """
    return {slug: import_string(path)() for slug, path in getattr(settings, setting).items()}


def check_seams(**_: Any) -> list[CheckMessage]:
    """Refuse to start on an entry that cannot be loaded or that names itself otherwise."""
    problems: list[CheckMessage] = []
    for setting in SEAMS:
        for slug, path in getattr(settings, setting).items():
            try:
                implementation = import_string(path)()
            except Exception as error:  # anything at all: the message is the point
                problems.append(
                    Error(f"{setting}[{slug!r}] = {path!r} cannot be loaded: {error}", id="omc.E001")
                )
                continue
            if implementation.slug != slug:
                problems.append(
                    Error(f"{setting}[{slug!r}] loads {path!r}, which calls itself {implementation.slug!r}",
                          id="omc.E002")
                )  # fmt: skip
    return problems
