"""Draw a line of figures over time as SVG: no script, no asset, nothing fetched."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT, MARGIN = 860, 240, 24


def line(points: Sequence[tuple[datetime, float]], *, unit: str = "") -> SafeString:
    """Draw the points, oldest first, between their lowest and highest value; times are shown in UTC."""
    if len(points) < 2:
        return format_html("{}", "–")
    began, ended = points[0][0], points[-1][0]
    values = [value for _, value in points]
    low, high = min(values), max(values)
    seconds, span = (ended - began).total_seconds() or 1.0, (high - low) or 1.0
    path = " ".join(
        f"{(at - began).total_seconds() / seconds * WIDTH:.1f},"
        f"{MARGIN + (high - value) / span * (HEIGHT - 2 * MARGIN):.1f}"
        for at, value in points
    )
    return format_html(
        '<svg viewBox="0 0 {} {}" width="100%" role="img" aria-label="{} to {}{}" font-size="12" fill="currentColor">'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        '<text x="0" y="14">{}{}</text><text x="0" y="{}">{}{}</text>'
        '<text x="{}" y="{}" text-anchor="end">{} – {} UTC</text></svg>',
        WIDTH, HEIGHT, _said(low), _said(high), unit, path, _said(high), unit, HEIGHT - 6, _said(low), unit,
        WIDTH, HEIGHT - 6, f"{began:%Y-%m-%d %H:%M}", f"{ended:%Y-%m-%d %H:%M}",
    )  # fmt: skip


def _said(value: float) -> str:
    return f"{value:,.2f}"
