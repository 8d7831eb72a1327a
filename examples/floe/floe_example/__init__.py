"""A small data product on the floe platform: orders in, daily revenue out, all in one DuckDB file."""
