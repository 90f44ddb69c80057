"""Show facts in the admin: everything readable, nothing editable, numbers as people write them."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db import connection, models
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline

from ohmycoins.core.money import plain

COUNTED_UP_TO = 10_000


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]
    """Count big tables by PostgreSQL's own estimate when nothing is filtered."""

    @cached_property
    def count(self) -> int:
        query = self.object_list.query  # type: ignore[attr-defined]
        if not query.where:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                    [query.model._meta.db_table],
                )
                estimate = int(cursor.fetchone()[0])
            if estimate > COUNTED_UP_TO:
                return estimate
        return super().count


@cache
def _plain_column(model: type[models.Model], name: str) -> Callable[[Any], str]:
    """Give a column that shows the decimal `name` without the zeros its table keeps."""

    def show(row: Any) -> str:
        value = getattr(row, name)
        return "–" if value is None else plain(value)

    field = model._meta.get_field(name)
    show.short_description = field.verbose_name  # type: ignore[attr-defined, union-attr]
    show.admin_order_field = name  # type: ignore[attr-defined]
    show.__name__ = f"plain_{name}"
    return show


def with_plain_numbers(model: type[models.Model], names: Sequence[Any]) -> list[Any]:
    """Replace the names of decimal columns with columns that show them plainly."""
    return [_plain_column(model, name) if _is_decimal(model, name) else name for name in names]


def _is_decimal(model: type[models.Model], name: Any) -> bool:
    try:
        return isinstance(name, str) and isinstance(model._meta.get_field(name), models.DecimalField)
    except FieldDoesNotExist:
        return False


class ReadOnly:
    """Refuse every change, whoever asks."""

    model: type[models.Model]
    fields: Sequence[Any] | None
    exclude: Sequence[str] | None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        every = [
            field.name for field in self.model._meta.concrete_fields if field.name not in (self.exclude or ())
        ]
        return with_plain_numbers(self.model, self.fields or every)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)


class FactAdmin(ReadOnly, ModelAdmin):
    """A read-only list of things that happened."""

    show_full_result_count = False
    paginator = EstimatedPaginator
    list_per_page = 50
    list_fullwidth = True
    actions: Any = None

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return with_plain_numbers(self.model, super().get_list_display(request))


class FactInline(ReadOnly, TabularInline):
    """Things that happened, on the page of what they happened to."""

    extra = 0
    can_delete = False
    show_change_link = False
