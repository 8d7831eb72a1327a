import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readHelperFault, readHelperNotes, takeHelperFiles } from '../../src/reconstruct/reconstruct-run.ts';
import { placeHelper } from '../support/python/place-helper.ts';
import { type Python, providePython } from '../support/python/python-packages.ts';

const signal = new AbortController().signal;
const ids = ['tests/test_a.py::test_x', 'tests/test_a.py::TestC::test_y[a::b]', 'tests/test_b.py::test_z'];

let python: Python;
let root: string;
let helperDir: string;
beforeAll(() => {
  python = providePython();
  root = mkdtempSync(path.join(tmpdir(), 'pytest-retries-'));
  helperDir = placeHelper(path.join(root, 'helper'), 'run-1');
  mkdirSync(path.join(root, 'tests'));
  writeFileSync(
    path.join(root, 'tests/test_a.py'),
    'import pytest\ndef test_x(): pass\nclass TestC:\n  @pytest.mark.parametrize("p", ["a::b", "c"])\n  def test_y(self, p): pass\n',
  );
  writeFileSync(path.join(root, 'tests/test_b.py'), 'def test_z(): pass\ndef test_other(): pass\n');
}, 150_000);
afterAll(() => rmSync(root, { recursive: true }));

async function runOnly(only: string, args: string[] = [], variable = 'K8S_TEST_ONLY') {
  const results = mkdtempSync(path.join(root, 'results-'));
  const list = path.join(results, 'only.json');
  writeFileSync(list, only);
  const { status, stdout } = spawnSync(python.program, ['-m', 'pytest', '-p', 'no:cacheprovider', ...args, 'tests'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONPATH: `${python.packagesDir}:${helperDir}`,
      K8S_TEST_PROGRESS_DIR: path.join(results, '.k8s-test'),
      K8S_TEST_PROGRESS_RUN: 'run-1',
      [variable]: list,
    },
    encoding: 'utf8',
    timeout: 100_000,
  });
  const files = path.join(results, 'helper-files');
  await takeHelperFiles(results, files);
  const notes = await readHelperNotes(files, 'run-1', signal);
  const all = [...ids, 'tests/test_a.py::TestC::test_y[c]', 'tests/test_b.py::test_other'];
  return {
    status,
    stdout,
    fault: await readHelperFault(files, signal),
    ran: all.filter((id) => notes?.sessions.isNoted(id)),
    order: notes?.order,
  };
}

describe('pytest, given the tests to run again', () => {
  test('runs only these, with xdist too', async () => {
    for (const args of [[], ['-n', '2']]) {
      const { status, ran, fault } = await runOnly(JSON.stringify(ids), args);
      expect({ status, ran, fault }).toEqual({ status: 0, ran: ids, fault: '' });
    }
  });

  test('runs nothing when none of them is there, and everything when the list cannot be read', async () => {
    expect(await runOnly('["tests/test_a.py::test_gone"]')).toMatchObject({ status: 5, ran: [] });
    const broken = await runOnly('{');
    expect(broken.ran).toHaveLength(5);
    expect(broken.fault).not.toBe('');
  });

  test('runs all but those that are done, with xdist too', async () => {
    for (const args of [[], ['-n', '2']]) {
      const { status, ran, fault } = await runOnly(JSON.stringify(ids), args, 'K8S_TEST_DONE');
      const rest = ['tests/test_a.py::TestC::test_y[c]', 'tests/test_b.py::test_other'];
      expect({ status, ran, fault }).toEqual({ status: 0, ran: rest, fault: '' });
    }
  });

  test('repeats an order that is not that of the files', async () => {
    const order = ['tests/test_b.py::test_z', 'tests/test_a.py::TestC::test_y[a::b]', 'tests/test_a.py::test_x'];
    expect(await runOnly(JSON.stringify(order), [], 'K8S_TEST_ORDER')).toMatchObject({ status: 0, order, fault: '' });
  });

  test('knows no order of tests that several processes share', async () => {
    expect((await runOnly('[]', ['-n', '2'], 'K8S_TEST_DONE')).order).toBeUndefined();
    expect((await runOnly('[]', [], 'K8S_TEST_DONE')).order).toHaveLength(5);
  });
});
