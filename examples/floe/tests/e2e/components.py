"""The programs of the full platform, and which of them each end-to-end test needs: those without which it cannot pass.

That is what its fixtures need, as this table has it, and what it names in `@pytest.mark.needs(...)` beside them. Of a dead
program exactly the tests that need it are to be red. JUnit has the names as properties of the test, and
scripts/break-components.ts of the repository holds them against what is red when each program is taken away.
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

# What each fixture needs itself; what it is made from brings its own.
NEEDS_OF_FIXTURES = {
    "dagster": {"dagster-webserver"},
    "started_run": {"dagster-daemon", "floe-example", "postgres"},
    "published_run": {"polaris", "minio"},
    "collected_run": {"otel-collector"},
    "catalog": {"polaris"},
    "cube": {"cube", "postgres"},
    "jaeger": {"jaeger"},
    "prometheus": {"prometheus"},
}


def components_of(item: pytest.Function) -> list[str]:
    """Return what a test needs; raise `pytest.UsageError` where nothing says so, or names what the platform has not."""
    needing = NEEDS_OF_FIXTURES.keys() & set(item.fixturenames)
    marks = list(item.iter_markers("needs"))
    if not needing and not marks:
        raise pytest.UsageError(f"{item.nodeid} does not say what it needs: add @pytest.mark.needs(...), empty for nothing")
    needed = {name for mark in marks for name in mark.args}.union(*(NEEDS_OF_FIXTURES[name] for name in needing))
    if unknown := needed - COMPONENTS:
        raise pytest.UsageError(f"{item.nodeid} needs {', '.join(sorted(unknown))}, which the platform does not have")
    return sorted(needed)
