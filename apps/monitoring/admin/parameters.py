"""Say what a protection can be set to, kind by kind: meaning, range, unit, default, and an example."""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.monitoring.protections import PARAMETERS, Parameters

MEANINGS: Mapping[str, str] = {
    "minutes": "how long purchases of the coin are held back",
    "only_losses": "only after a sale that lost; false: after any",
    "sales": "how many sales in the window it takes",
    "window_minutes": "how far back sales are looked at, counted from the last of them",
    "pause_minutes": "how long purchases are held back",
    "per_coin": "count, and hold back, each coin by itself; false: the account as a whole",
    "required_profit_percent": "earning less than this counts; of what the coins had cost",
    "max_percent": "how far below its peak it may be",
    "window_days": "how far back the peak is looked for",
}
SPECIAL = {
    (
        "drawdown",
        "pause_minutes",
    ): "how long purchases are held back; without it, until a person releases them"
}
EXAMPLES: Mapping[str, dict[str, Any]] = {
    "cooldown": {"minutes": 60},
    "losing_sales": {"sales": 3, "window_minutes": 1_440, "pause_minutes": 720, "per_coin": True},
    "low_profit": {
        "sales": 4,
        "window_minutes": 10_080,
        "required_profit_percent": "1",
        "pause_minutes": 1_440,
    },
    "drawdown": {"max_percent": "15", "window_days": 30},
    "failing_collectors": {},
    "outliers": {"minutes": 15},
}
UNITS = {"minutes": " minutes", "days": " days", "percent": " %"}
BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}


def explain_parameters() -> SafeString:
    """Write what each kind does, its parameters and an example, as HTML."""
    return format_html(
        '<div style="max-width: 60rem">{}</div>',
        format_html_join("", "{}", ((_kind(kind, of),) for kind, of in PARAMETERS.items())),
    )


def _kind(kind: str, of: type[Parameters]) -> SafeString:
    does = (of.__doc__ or "").splitlines()[0].replace("`", "")
    schema = of.model_json_schema()
    required = schema.get("required", ())
    each = (
        (name, SPECIAL.get((kind, name)) or MEANINGS[name], _range(name, told, required=name in required))
        for name, told in schema.get("properties", {}).items()
    )
    return format_html(
        '<p class="mt-3"><strong>{}</strong>: {}</p><ul class="list-disc pl-5">{}</ul><p>Example: <code>{}</code></p>',
        kind, does, format_html_join("", "<li><code>{}</code>: {} ({})</li>", each), json.dumps(EXAMPLES[kind]),
    )  # fmt: skip


def _range(name: str, told: dict[str, Any], *, required: bool) -> str:
    """Say a parameter's bounds with their unit, and what it is when it is not given."""
    unit = UNITS.get(name.rpartition("_")[2], "")
    number = next((way for way in told.get("anyOf", [told]) if BOUNDS.keys() & way.keys()), None)
    if number is None:
        bounds = "true or false"
    else:
        bounds = " ".join(f"{word} {number[key]:,g}" for key, word in BOUNDS.items() if key in number) + unit
    return f"{bounds}, required" if required else f"{bounds}, {_default(told.get('default'))} unless given"


def _default(value: Any) -> str:
    return "none" if value is None else str(value).lower()
