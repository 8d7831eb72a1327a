import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readHelperFault, readHelperNotes, takeHelperFiles } from '../../src/reconstruct/reconstruct-run.ts';
import { helperRunId, usePytest } from '../support/python/use-pytest.ts';

const signal = new AbortController().signal;
const pytest = usePytest('pytest-shards');

/** Six modules, and a class in each that stays together: groups of 1, 2, … tests. */
function writeSuite(dir: string): string[] {
  mkdirSync(path.join(dir, 'tests'), { recursive: true });
  const ids: string[] = [];
  for (let module = 0; module < 6; module++) {
    const functions = Array.from({ length: module + 1 }, (_, i) => `def test_${i}(): pass\n`);
    const methods = ['one', 'two'].map((name) => `    def test_${name}(self): pass\n`);
    writeFileSync(path.join(dir, `tests/test_m${module}.py`), [...functions, 'class TestC:\n', ...methods].join(''));
    const file = `tests/test_m${module}.py`;
    ids.push(...functions.map((_, i) => `${file}::test_${i}`), `${file}::TestC::test_one`, `${file}::TestC::test_two`);
  }
  return ids;
}

interface ShardRun {
  status: number | null;
  output: string;
  fault: string;
  undivided: string[] | undefined;
  ran: string[];
}

/** Runs a command in a directory as each of some shards in turn, and returns what the helper noted in each. */
async function runShards(
  dir: string,
  options: { shards?: number; args?: string[]; script?: string; plan?: object | string; ids: readonly string[] },
): Promise<ShardRun[]> {
  const { shards = 3, args = [], plan = { groups: {} } } = options;
  const planFile = path.join(dir, 'plan.json');
  writeFileSync(planFile, typeof plan === 'string' ? plan : JSON.stringify(plan));
  const runs: ShardRun[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const resultsDir = pytest.makeDirectory('results-');
    const command = `${pytest.program} -m pytest -p no:randomly -o cache_dir=${resultsDir}/cache ${args.join(' ')}`;
    const script = (options.script ?? 'PYTEST tests').replaceAll('PYTEST', command).replaceAll('GROUP', `${shard + 1}`);
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script], {
      cwd: dir,
      env: {
        ...pytest.variables(resultsDir),
        K8S_TEST_SPLIT: planFile,
        TEST_SHARD_INDEX: String(shard),
        TEST_TOTAL_SHARDS: String(shards),
      },
      encoding: 'utf8',
      timeout: 100_000,
    });
    const files = path.join(resultsDir, 'helper-files');
    await takeHelperFiles(resultsDir, files);
    const notes = await readHelperNotes(files, helperRunId, signal);
    runs.push({
      status,
      output: `${stdout}${stderr}`,
      fault: await readHelperFault(files, signal),
      undivided: notes?.undivided === undefined ? undefined : [...notes.undivided].sort(),
      ran: options.ids.filter((id) => notes?.sessions.isNoted(id)),
    });
  }
  return runs;
}

const groupOf = (id: string) => id.slice(0, id.lastIndexOf('::'));

describe('pytest in shards, without a plugin in the image', () => {
  test('runs every test in exactly one shard, keeps classes and modules together, and is even by count', async () => {
    const dir = pytest.makeDirectory('suite-');
    const ids = writeSuite(dir);
    const runs = await runShards(dir, { ids });
    for (const { status, fault } of runs) expect({ status, fault }).toEqual({ status: 0, fault: '' });
    expect(runs.flatMap(({ ran }) => ran).sort()).toEqual([...ids].sort());
    for (const { undivided } of runs) expect(undivided).toEqual([...ids].sort());
    const groups = runs.map(({ ran }) => new Set(ran.map(groupOf)));
    expect(groups.reduce((sum, one) => sum + one.size, 0)).toBe(12);
    // 33 tests.
    expect(runs.map(({ ran }) => ran.length)).toEqual([11, 11, 11]);
  });

  test('follows the plan, and gives tests that are not in it to the shard with the least work', async () => {
    const dir = pytest.makeDirectory('suite-');
    const ids = writeSuite(dir);
    const groups = { 'tests.test_m0': [0, 500], 'tests.test_m5': [1, 1], 'tests.test_gone': [2, 9] };
    const runs = await runShards(dir, { ids, shards: 2, plan: { groups, typical: 2 } });
    // 500 s are more than all the rest.
    expect(runs[0]?.ran).toEqual(['tests/test_m0.py::test_0']);
    expect(runs[1]?.ran).toHaveLength(ids.length - 1);
  });

  test('runs every test once under xdist, too, whose workers each collect', async () => {
    const dir = pytest.makeDirectory('suite-');
    const ids = writeSuite(dir);
    const runs = await runShards(dir, { ids, shards: 2, args: ['-n', '2'] });
    for (const { status, fault } of runs) expect({ status, fault }).toEqual({ status: 0, fault: '' });
    expect(runs.flatMap(({ ran }) => ran).sort()).toEqual([...ids].sort());
    for (const { undivided } of runs) expect(undivided).toEqual([...ids].sort());
  });

  test('divides what -k leaves, and a shard for which nothing is left ends as pytest does without tests', async () => {
    const dir = pytest.makeDirectory('suite-');
    const ids = writeSuite(dir);
    const runs = await runShards(dir, { ids, args: ['-k', 'm0'] });
    const wanted = ids.filter((id) => id.includes('m0'));
    expect(runs.flatMap(({ ran }) => ran).sort()).toEqual([...wanted].sort());
    expect(runs.map(({ status }) => status).sort()).toEqual([0, 0, 5]);
    for (const { undivided } of runs) expect(undivided).toEqual([...wanted].sort());
  });

  test('runs the failed tests of a shard again in the same shard', async () => {
    const dir = pytest.makeDirectory('suite-');
    const ids = writeSuite(dir);
    const flaky = `import os\ndef test_0():\n  was = os.path.exists("was-here")\n  open("was-here", "w").close()\n  assert was\n`;
    for (const module of ['test_m0', 'test_m1']) {
      const file = path.join(dir, `tests/${module}.py`);
      writeFileSync(
        file,
        readFileSync(file, 'utf8').replace('def test_0(): pass\n', flaky.replaceAll('was-here', module)),
      );
    }
    const runs = await runShards(dir, { ids, script: 'PYTEST tests || PYTEST --lf tests' });
    expect(runs.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(runs.flatMap(({ ran }) => ran).sort()).toEqual([...ids].sort());
  });

  test('leaves the division to pytest-split where that divides', async () => {
    const dir = pytest.makeDirectory('suite-');
    const ids = writeSuite(dir);
    const runs = await runShards(dir, { ids, script: 'PYTEST --splits 3 --group GROUP tests' });
    expect(runs.map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(runs.flatMap(({ ran }) => ran).sort()).toEqual([...ids].sort());
    expect(runs.map(({ undivided }) => undivided)).toEqual([undefined, undefined, undefined]);
  });

  test('runs everything in every shard and reports why where its plan cannot be read', async () => {
    const dir = pytest.makeDirectory('suite-');
    const ids = writeSuite(dir);
    const runs = await runShards(dir, { ids, shards: 2, plan: 'no plan' });
    for (const { ran, fault, status } of runs) {
      expect({ ran: ran.length, status }).toEqual({ ran: ids.length, status: 0 });
      expect(fault).toContain('JSONDecodeError');
    }
  });
});
