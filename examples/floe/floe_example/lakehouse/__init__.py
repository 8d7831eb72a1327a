"""The data product on the full platform: the same marts, published as Iceberg tables and served from PostgreSQL."""
