#!/bin/sh
# Twenty healthy charts that start slowly, at once on one cluster: none may be cut short.
# Needs FLOE_TEST_CLUSTER (scripts/test-cluster.ts), or makes a cluster of its own.
set -eu
cd "$(dirname "$0")/.."
SLOW_START_ROUNDS=4 exec npx vitest run --project cluster __tests__/on-cluster/chart-faults.test.ts --testNamePattern 'no false alarm'
