"""What Prometheus may ask: requests, seconds, generated tokens, and how long the queue is."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The figures of one server, in a registry of their own: two servers in a process do not mix."""

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
        """Count one request; `route` and `method` are of the known ones, or "other", so that they stay few."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def written(self, tokens: int) -> None:
        """Count generated tokens."""
        self._tokens.inc(tokens)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)
