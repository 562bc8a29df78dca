"""The metrics for Prometheus: requests, seconds, generated tokens, and the queue's length."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The metrics of one server, in a separate registry: two servers in one process do not share counters."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "shelftalk_requests", "Requests answered.", ["route", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "shelftalk_request_seconds",
            "From request to end of answer.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._tokens = Counter("shelftalk_generated_tokens", "Tokens of finished texts.", registry=self._registry)
        depth = Gauge("shelftalk_queue_depth", "Requests that wait for a slot.", registry=self._registry)
        depth.set_function(waiting)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; an unknown `route` or `method` must be "other", to limit the number of labels."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def written(self, tokens: int) -> None:
        """Count generated tokens."""
        self._tokens.inc(tokens)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
