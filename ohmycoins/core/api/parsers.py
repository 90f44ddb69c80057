"""Read request bodies."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from ohmycoins.core import money


class ExactJSONParser(BaseParser):
    """Parse JSON with fractions as Decimal, so that no float ever carries money."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return money.loads_exact(stream.read().decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ParseError(f"the body is not JSON: {error}") from error
