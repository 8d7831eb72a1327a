import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../kube/seeded-random.ts';
import type { SharedRun } from './run-on-shared-cluster.ts';
import { type Loss, runWithLosses } from './run-with-losses.ts';

/** What happens to a shard. All but the first two are faults. */
type Fate =
  | 'well'
  /** Begins when the others are done. */
  | 'late'
  /** Its pod is deleted when a test begins. */
  | 'killed'
  /** A test of it never ends. */
  | 'hangs'
  /** A conftest of its own leaves out a test. */
  | 'leaves out'
  /** It runs the tests of all shards. */
  | 'runs all'
  /** It says that all is well, and runs nothing. */
  | 'runs nothing';

const shards = 3;
const modules = 6;
const names = ['a', 'b'];
const all = Array.from({ length: modules }, (_, i) => names.map((name) => `test_m${i}.${name}`)).flat();

interface Schedule {
  fates: Fate[];
  retries: number;
}

function invent(seed: number): Schedule {
  const random = new SeededRandom(seed);
  const fates = Array.from({ length: shards }, (): Fate => {
    if (random.chance(0.5)) return random.pick(['well', 'late']);
    return random.pick(['killed', 'killed', 'killed', 'killed', 'hangs', 'leaves out', 'runs all', 'runs nothing']);
  });
  return { fates, retries: random.below(3) };
}

/** What a shard does in its first pod; in a fresh one all is well. */
function deedOf(fate: Fate, shard: number): string {
  switch (fate) {
    case 'late':
      return 'sleep 8';
    case 'leaves out':
      return `printf 'def pytest_collection_modifyitems(items):\\n  items[:] = [i for i in items if "m${shard}" not in i.nodeid or "test_b" not in i.nodeid]\\n' > conftest.py`;
    case 'runs all':
      return 'unset K8S_TEST_SPLIT';
    case 'runs nothing':
      return 'exit 0';
    default:
      return ':';
  }
}

function scriptOf({ fates }: Schedule): string {
  const fatal = (module: number, name: string) => {
    // Without history the helper gives a module of these to each shard in turn.
    const fate = name === 'b' && module < shards ? fates[module] : undefined;
    if (fate !== 'killed' && fate !== 'hangs') return 'time.sleep(0.1)';
    return `time.sleep(300 if os.environ["TEST_SHARD_INDEX"] == "${module}" and "-rest-" not in os.environ["HOSTNAME"] else 0)`;
  };
  const files = Array.from({ length: modules }, (_, i) => {
    const tests = names.map((name) => {
      const say = (what: string) => `print("\\n${what} test_m${i}.${name}", flush=True)`;
      return `def test_${name}():\n  ${say('begun')}\n  ${fatal(i, name)}\n  ${say('ended')}`;
    });
    return `cat > test_m${i}.py <<'PY'\nimport os, time\n${tests.join('\n')}\nPY`;
  });
  const cases = fates.map((fate, shard) => `${shard}) ${deedOf(fate, shard)} ;;`);
  return [
    'mkdir -p /tmp/suite && cd /tmp/suite',
    ...files,
    `case $HOSTNAME in *-rest-*) ;; *) case $TEST_SHARD_INDEX in ${cases.join(' ')} esac ;; esac`,
    'exec pytest -v -s -p no:cacheprovider --junitxml=/results/junit.xml .',
  ].join('\n');
}

/** What is wrong with the outcome of a schedule; nothing where each test counts once, or the run fails and says why. */
function findProblems({ fates, retries }: Schedule, losses: readonly Loss[], run: SharedRun): string[] {
  const { outcome, failure, tests, warnings } = run.onDisk;
  // What the pods themselves printed is the truth.
  const ended = run.printed.flatMap((line) => /^\[shard \d\] ended (\S+)/.exec(line)?.[1] ?? []);
  const isComplete = all.every((name) => ended.filter((one) => one === name).length === 1);
  const reported = run.report.tests.map(({ classname, name }) => `${classname}.${name.replace('test_', '')}`);
  const problems: string[] = [];
  const check = (isWell: boolean, problem: string) => {
    if (!isWell) problems.push(problem);
  };
  check((outcome === 'passed') === isComplete, `it ended as ${outcome}, and each test ran once: ${isComplete}`);
  if (isComplete) {
    check(JSON.stringify(reported.sort()) === JSON.stringify([...all].sort()), `reported: ${reported.join(' ')}`);
    check(tests.total === all.length && tests.passed === all.length, `counts: ${JSON.stringify(tests)}`);
  } else {
    check(/shard|ran in/.test(failure?.reason ?? ''), 'the failure names no shard');
    for (const name of new Set(ended)) check(reported.includes(name), `${name} ended and is not in the report`);
  }
  const told = [failure?.reason, ...(failure?.evidence ?? []), ...warnings].join(' ');
  for (const { shard } of losses) check(told.includes(`shard ${shard}`), `the lost shard ${shard} is not named`);
  const areHonest = fates.every((fate) => fate === 'well' || fate === 'late' || fate === 'killed');
  const shouldPass = areHonest && (losses.length === 0 || (retries > 0 && losses.length < shards));
  check(isComplete === shouldPass, `it should ${shouldPass ? '' : 'not '}be complete`);
  return problems.map((problem) => `${problem}; ${failure?.reason ?? 'no failure'}`);
}

describe('a suite in shards whose pods are killed, late, or lie', () => {
  const seeds = Array.from({ length: 20 }, (_, i) => i + 1);
  test.each(seeds)('counts each test once, or fails and says why: schedule %i', async (seed) => {
    const schedule = invent(seed);
    const { fates, retries } = schedule;
    const losses = fates.flatMap((fate, shard): Loss[] =>
      fate === 'killed' ? [{ shard, at: `[shard ${shard}] begun test_m${shard}.b` }] : [],
    );
    const run = await runWithLosses({
      script: scriptOf(schedule),
      given: {
        shards: String(shards),
        'test-helper': 'on',
        retries: String(retries),
        // Only a shard that hangs is to reach it.
        timeout: fates.includes('hangs') ? '60s' : '5m',
        grace: '2s',
      },
      losses,
    });
    expect(findProblems(schedule, losses, run), JSON.stringify(schedule)).toEqual([]);
  });
});
