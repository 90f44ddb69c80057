"""Show facts in the admin: everything readable, nothing editable."""

from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

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


class FactAdmin(ModelAdmin):
    """A read-only list of things that happened."""

    show_full_result_count = False
    paginator = EstimatedPaginator
    list_per_page = 50
    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
