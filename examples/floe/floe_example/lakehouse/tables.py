"""Iceberg tables in the catalog that the platform names in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pyarrow
from pyiceberg.catalog import Catalog, load_catalog

NAMESPACE = "shop"


def connect_catalog(environment: Mapping[str, str] = os.environ) -> Catalog:
    """Open the catalog of `ICEBERG_CATALOG_URI`; raise `KeyError` where the platform has none."""
    properties = {
        "type": "rest",
        "uri": environment["ICEBERG_CATALOG_URI"],
        "warehouse": environment["ICEBERG_WAREHOUSE"],
        "s3.region": environment["AWS_REGION"],
        "s3.access-key-id": environment["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": environment["AWS_SECRET_ACCESS_KEY"],
    }
    optional = {"s3.endpoint": "S3_ENDPOINT", "credential": "ICEBERG_CREDENTIAL", "scope": "ICEBERG_SCOPE"}
    properties |= {name: environment[variable] for name, variable in optional.items() if environment.get(variable)}
    return load_catalog("floe", **properties)


def replace_table(catalog: Catalog, name: str, rows: pyarrow.Table, run_id: str) -> int:
    """Put `rows` in the place of all that the table holds, in one commit that names the run; return their number."""
    catalog.create_namespace_if_not_exists(NAMESPACE)
    table = catalog.create_table_if_not_exists((NAMESPACE, name), schema=rows.schema)
    with table.transaction() as transaction:
        transaction.overwrite(rows, snapshot_properties={"floe.run-id": run_id})
    return rows.num_rows


def read_table(catalog: Catalog, name: str) -> list[dict]:
    """Return all rows of a table, as they lie in the object storage now."""
    return catalog.load_table((NAMESPACE, name)).scan().to_arrow().to_pylist()
