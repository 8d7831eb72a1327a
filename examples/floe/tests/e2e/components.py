"""The programs of the full platform, and which of them each end-to-end test needs.

A test names in `@pytest.mark.needs(...)` every program without which it cannot pass: of a dead program, the tests that name
it are to be red and no others. JUnit has the names as properties of the test.
"""

import pytest

COMPONENTS = {
    "dagster-webserver",
    "dagster-daemon",
    "floe-example",
    "postgres",
    "polaris",
    "minio",
    "cube",
    "otel-collector",
    "jaeger",
    "prometheus",
}

# What it takes to start a run through the queue, and for it to write its tables.
starting_a_run = pytest.mark.needs("dagster-webserver", "dagster-daemon", "floe-example", "postgres")
publishing = pytest.mark.needs("dagster-webserver", "dagster-daemon", "floe-example", "postgres", "polaris", "minio")


def components_of(item: pytest.Item) -> list[str]:
    """Return what a test needs; raise `pytest.UsageError` where it does not say, or names what the platform has not."""
    marks = list(item.iter_markers("needs"))
    if not marks:
        raise pytest.UsageError(f"{item.nodeid} does not say what it needs: add @pytest.mark.needs(...), empty for nothing")
    needed = {name for mark in marks for name in mark.args}
    if unknown := needed - COMPONENTS:
        raise pytest.UsageError(f"{item.nodeid} needs {', '.join(sorted(unknown))}, which the platform does not have")
    return sorted(needed)
