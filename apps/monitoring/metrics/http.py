"""Count requests by view, method and status."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_prometheus.conf import NAMESPACE, PROMETHEUS_LATENCY_BUCKETS
from django_prometheus.middleware import Metrics, PrometheusAfterMiddleware
from django_prometheus.utils import Time, TimeSince
from prometheus_client import Counter, Histogram

from apps.monitoring.metrics import files  # noqa: F401 - before any metric is made

BEGAN = "prometheus_after_middleware_event"


class RequestMetrics(Metrics):  # type: ignore[misc]
    """Those of django-prometheus's metrics that say something the others do not; each costs every request."""

    _instance = None

    def register(self) -> None:
        self.responses_by_status_view_method = self.register_metric(
            Counter, "django_http_responses_total_by_status_view_method", "Responses by status, view and method.",
            ["status", "view", "method"], namespace=NAMESPACE,
        )  # fmt: skip
        self.requests_latency_by_view_method = self.register_metric(
            Histogram, "django_http_requests_latency_seconds_by_view_method",
            "How long requests took, all middleware included, by view and method.",
            ["view", "method"], namespace=NAMESPACE, buckets=PROMETHEUS_LATENCY_BUCKETS,
        )  # fmt: skip
        self.exceptions_by_view = self.register_metric(
            Counter, "django_http_exceptions_total_by_view", "Exceptions that views did not handle, by view.", ["view"],
            namespace=NAMESPACE,
        )  # fmt: skip


class CountRequests(PrometheusAfterMiddleware):  # type: ignore[misc]
    """Count every answer, whichever middleware gave it: for the first place of the list.

    Labels are names of views and methods that HTTP knows, so that callers cannot make up new series.
    """

    metrics_cls = RequestMetrics

    def process_request(self, request: HttpRequest) -> None:
        setattr(request, BEGAN, Time())

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Leave the count to the answer."""

    def process_template_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        labels = {"view": self._get_view_name(request), "method": self._method(request)}
        self.metrics.responses_by_status_view_method.labels(status=str(response.status_code), **labels).inc()
        if began := getattr(request, BEGAN, None):
            self.metrics.requests_latency_by_view_method.labels(**labels).observe(TimeSince(began))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        self.metrics.exceptions_by_view.labels(view=self._get_view_name(request)).inc()
