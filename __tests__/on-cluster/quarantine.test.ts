import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { runOnSharedCluster } from './run-on-shared-cluster.ts';

/** A script that writes one module and becomes pytest. */
function suite(...lines: string[]): string {
  return [
    "mkdir -p /tmp/suite && cd /tmp/suite && cat > test_shop.py <<'PY'",
    'import os',
    'def test_pay():\n  pass',
    'def test_ship():\n  assert False, "late"',
    ...lines,
    'PY',
    'exec pytest -v --junitxml=/results/junit.xml .',
  ].join('\n');
}

function quarantineOf(...ids: string[]): string {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'quarantine-')), 'quarantine.yaml');
  const entries = ids.map((id) => ({ id, reason: 'races', owner: 'team-shop', expires: '2999-12-31' }));
  writeFileSync(file, JSON.stringify(entries).replace('[', ' ['));
  return file;
}

const given = (file: string) => ({ quarantine: file, 'test-helper': 'on' });
const ship = 'test_shop.py::test_ship';

describe('a run with a quarantine', () => {
  test('passes when every failed test is in it, and reports them everywhere', async () => {
    const run = await runOnSharedCluster({ script: suite(), given: given(quarantineOf(ship)) });
    expect(run.onDisk.failure).toBeNull();
    expect(run.onDisk).toMatchObject({ outcome: 'passed', tests: { total: 2, passed: 1, skipped: 1, quarantined: 1 } });
    expect(readFileSync(run.dir.summary, 'utf8')).toContain('Failed in quarantine');
    expect(readFileSync(run.dir.junitXml, 'utf8')).toContain('failed; until 2999-12-31; team-shop: races');
  });

  test('fails for the failed test beside it, and for a crash of one that is in it', async () => {
    const other = suite('def test_other():\n  assert False');
    const [beside, crashed] = await Promise.all([
      runOnSharedCluster({ script: other, given: given(quarantineOf(ship)) }),
      runOnSharedCluster({
        script: suite('def test_crash():\n  os._exit(1)'),
        given: given(quarantineOf(ship, 'test_shop.py::test_crash')),
      }),
    ]);
    expect(beside.onDisk.failure).toMatchObject({ kind: 'test', reason: '1 of 3 tests failed: test_other' });
    expect(crashed.onDisk.outcome).toBe('failed');
    expect(crashed.onDisk.failure?.kind).toBe('report');
  });

  test('fails when an entry is of no test, with its owner', async () => {
    const run = await runOnSharedCluster({ script: suite(), given: given(quarantineOf(ship, 'test_gone.py::test_x')) });
    expect(run.onDisk.failure).toMatchObject({
      kind: 'input',
      reason: expect.stringContaining('1 entry matched no test of the run: test_gone.py::test_x (team-shop)'),
    });
  });
});
