"""Draw a line of figures over time as SVG: no script, no asset, nothing fetched."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT, MARGIN = 860, 240, 24


def line(
    points: Sequence[tuple[datetime, float]], *, unit: str = "", bounds: tuple[float, float] | None = None,
    marks: Sequence[float] = (), width: int = WIDTH, height: int = HEIGHT,
) -> SafeString:  # fmt: skip
    """Draw the points, oldest first; times are shown in UTC.

    The scale goes from the lowest to the highest value, or over `bounds`, so that plots may be compared; what lies
    beyond is drawn at the edge. `marks` are values to draw a light line at. `width` and `height` are units of the
    drawing, which is as wide as where it stands.
    """
    if len(points) < 2:
        return format_html("{}", "–")
    began, ended = points[0][0], points[-1][0]
    values = [value for _, value in points]
    low, high = bounds or (min(values), max(values))
    seconds, span = (ended - began).total_seconds() or 1.0, (high - low) or 1.0

    def down(value: float) -> str:
        return f"{MARGIN + (high - min(max(value, low), high)) / span * (height - 2 * MARGIN):.1f}"

    path = " ".join(
        f"{(at - began).total_seconds() / seconds * width:.1f},{down(value)}" for at, value in points
    )
    return format_html(
        '<svg viewBox="0 0 {} {}" width="100%" role="img" aria-label="{} to {}{}" font-size="12" fill="currentColor">'
        '{}<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        '<text x="0" y="14">{}{}</text><text x="0" y="{}">{}{}</text>'
        '<text x="{}" y="{}" text-anchor="end">{} – {} UTC</text></svg>',
        width, height, _said(min(values)), _said(max(values)), unit, _marked(marks, down, width), path,
        _said(high), unit, height - 6, _said(low), unit, width, height - 6, f"{began:%Y-%m-%d %H:%M}", f"{ended:%Y-%m-%d %H:%M}",
    )  # fmt: skip


def _marked(marks: Sequence[float], down: Callable[[float], str], width: int) -> SafeString:
    """Draw a light line at each mark, its value above its right end."""
    return format_html_join(
        "",
        '<line x1="0" x2="{}" y1="{}" y2="{}" stroke="currentColor" stroke-dasharray="4 4" opacity="0.4"/>'
        '<text x="{}" y="{}" dy="-3" text-anchor="end" font-size="10" opacity="0.6">{}</text>',
        ((width, down(mark), down(mark), width, down(mark), _said(mark)) for mark in marks),
    )


def _said(value: float) -> str:
    return f"{value:,.2f}"
