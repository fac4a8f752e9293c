"""Counters for Prometheus, of this process; what the database knows is added when asked."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
_requests = Counter(
    "prunery_http_requests_total", "Requests", ["method", "route", "status"], registry=REGISTRY
)
_seconds = Histogram(
    "prunery_http_request_seconds",
    "Seconds from the first byte to the last",
    ["route"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=REGISTRY,
)
uploaded_bytes = Counter(
    "prunery_uploaded_bytes_total", "Bytes of accepted uploads", ["kind"], registry=REGISTRY
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request under its route's pattern, never under its address."""
    named = method if method in _METHODS else "other"
    _requests.labels(named, route, str(status)).inc()
    _seconds.labels(route).observe(seconds)
