"""Traces and metrics of asset materialisations, to the collector of `OTEL_EXPORTER_OTLP_ENDPOINT`.

Without that variable everything here does nothing. A run is one trace whose id is the run's own, without hyphens.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# A run's process ends with the run: what is not sent by then is lost. A collector that is away may not hold up the data.
FLUSH_MILLISECONDS = 5000
EXPORT_SECONDS = 3


class Materialization:
    """What a step reports of itself."""

    def __init__(self) -> None:
        self.rows: int | None = None


@cache
def _providers() -> tuple[TracerProvider, MeterProvider] | None:
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    tracing = TracerProvider()
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=EXPORT_SECONDS)))
    return tracing, MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(timeout=EXPORT_SECONDS))])


@contextmanager
def materialization(asset: str, run_id: str) -> Iterator[Materialization]:
    """Report the block as the materialisation of `asset`: a span of the run's trace, rows and time as metrics."""
    report = Materialization()
    providers = _providers()
    if providers is None:
        yield report
        return
    tracing, metering = providers
    try:
        with tracing.get_tracer("floe_example").start_as_current_span(
            f"materialize {asset}",
            context=_run_context(run_id),
            attributes={"dagster.asset": asset, "dagster.run_id": run_id},
        ) as span:
            yield report
            if report.rows is not None:
                span.set_attribute("floe.rows", report.rows)
        # Only what succeeded is a materialisation.
        meter = metering.get_meter("floe_example")
        if report.rows is not None:
            meter.create_gauge("floe_asset_rows").set(report.rows, {"asset": asset})
        meter.create_gauge("floe_asset_materialized_at", unit="s").set(time.time(), {"asset": asset})
    finally:
        tracing.force_flush(FLUSH_MILLISECONDS)
        metering.force_flush(FLUSH_MILLISECONDS)


def _run_context(run_id: str) -> trace.Context:
    run = uuid.UUID(run_id)
    parent = trace.SpanContext(
        trace_id=run.int,
        span_id=run.int & 0xFFFF_FFFF_FFFF_FFFF,
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))
