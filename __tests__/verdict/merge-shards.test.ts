import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Failure, noTests, type TestCase, type TestCounts } from '../../src/core/outcome.ts';
import { decideVerdict } from '../../src/verdict/decide-verdict.ts';
import { mergeShards, type ShardFacts, type SplitFacts, shardRules } from '../../src/verdict/merge-shards.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const split: SplitFacts = { interruption: null, isAnnounced: false };

function caseOf(name: string, status: TestCase['status'] = 'passed'): TestCase {
  return { suite: 'pytest', classname: 'tests.test_a', name, seconds: 1, status, message: '', details: '' };
}

function countsOf(cases: readonly TestCase[]): TestCounts {
  const count = (wanted: TestCase['status']) => cases.filter(({ status }) => status === wanted).length;
  const [passed, failed, errors, skipped] = [count('passed'), count('failed'), count('error'), count('skipped')];
  return { ...noTests, total: cases.length, passed, failed, errors, skipped };
}

interface Shard {
  cases?: TestCase[];
  /** What ended it. */
  interruption?: Failure;
  exitCode?: number;
  /** Ids of all tests; with them a helper divided the suite. */
  collected?: readonly string[];
  hosts?: ReadonlyMap<string, string>;
}

/** A shard as the pipeline reports it, judged by the real verdict. */
function shardOf(shard: number, one: Shard): ShardFacts {
  const { cases = [], interruption = null, collected, hosts = new Map() } = one;
  const counts = countsOf(cases);
  const exitCode = one.exitCode ?? (counts.failed + counts.errors > 0 ? 1 : counts.total === 0 ? 5 : 0);
  const isOver = interruption === null;
  const failedNames = cases.filter(({ status }) => status === 'failed').map(({ name }) => name);
  const verdict = decideVerdict({
    interruption,
    end: isOver ? { exitCode } : undefined,
    memoryLimit: '1Gi',
    memory: { kills: [] },
    reports: isOver
      ? [{ file: 'junit.xml', counts, claimedFailures: 0, claimedTests: 0, failedRuns: counts.failed }]
      : [],
    unreadable: [],
    stale: [],
    reconstructed: isOver
      ? undefined
      : {
          source: 'notes',
          isFromLog: false,
          counts: { ...counts, reconstructed: counts.total },
          inFlight: [],
          collected: undefined,
          notRun: undefined,
          notRunNames: [],
        },
    sessions: [],
    failedNames,
    logGaps: [],
    tool: { tool: 'pytest', hasTimeout: false, said: [], reportsElsewhere: [], nearMisses: [], lastLines: [] },
    junitGlobs: ['**/*.xml'],
    resultsPath: '/results',
  });
  const ran = new Set(cases.map(({ name }) => name));
  return {
    shard,
    pod: `suite-${shard}-abcde`,
    verdict,
    isLost: !isOver,
    isEmpty: verdict.failure?.kind === 'no-tests' && (exitCode === 0 || exitCode === 5),
    cases,
    casesLeftOut: 0,
    hosts,
    failedNames,
    pytest: collected === undefined ? undefined : { collected: new Set(collected), hasRun: (id) => ran.has(id) },
  };
}

const merge = (shards: Shard[], how = split) =>
  mergeShards(
    shards.map((one, i) => shardOf(i, one)),
    how,
  );
const evicted = (pod: string): Failure => ({
  kind: 'evicted',
  reason: `the test pod ${pod} was evicted`,
  hint: '',
  evidence: [],
});

test('docs/shards.md has the rules in the order in which they are applied', () => {
  const section = readFileSync('docs/shards.md', 'utf8').split('## What fails the run')[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| rule'));
  expect(rows.map((row) => row.split('|')[1]?.trim())).toEqual(shardRules.map(({ name }) => name));
});

describe('a suite in shards', () => {
  test('passes when each test ran once, in any shard', () => {
    const all = ['a', 'b', 'c'];
    const merged = merge([
      { cases: [caseOf('a'), caseOf('b')], collected: all },
      { cases: [caseOf('c')], collected: all },
    ]);
    expect(merged).toMatchObject({ failure: null, warnings: [], counts: { total: 3, passed: 3 } });
  });

  test('passes with a warning when a shard had no test and the others ran all of them', () => {
    const merged = merge([{ cases: [caseOf('a')], collected: ['a'] }, { collected: ['a'] }]);
    expect(merged).toMatchObject({ failure: null, counts: { total: 1, passed: 1 } });
    expect(merged.warnings).toEqual(['no test ran in shard 1: 2 shards are more than the suite needs']);
  });

  test('fails when a shard without tests did not end as its tool does without tests', () => {
    expect(merge([{ cases: [caseOf('a')] }, { exitCode: 3 }]).failure).toMatchObject({
      kind: 'no-tests',
      reason: expect.stringMatching(/^shard 1: no test ran: .*exit code 3/),
    });
  });

  test('fails when a test ran in no shard, and names it', () => {
    const merged = merge([
      { cases: [caseOf('a')], collected: ['a', 'b', 'c'] },
      { cases: [caseOf('c')], collected: ['a', 'c'] },
    ]);
    expect(merged.failure).toMatchObject({ kind: 'report', reason: '1 test ran in no shard: b' });
    expect(merged.counts.notRun).toBe(1);
  });

  test('fails when a test ran in two shards, and names both', () => {
    const merged = merge([{ cases: [caseOf('a'), caseOf('b')] }, { cases: [caseOf('b'), caseOf('c')] }]);
    expect(merged.failure?.reason).toBe('1 test ran in more than one shard: b in shards 0 and 1');
  });

  test('fails when every shard ran everything, and reports that the suite was not divided', () => {
    const cases = () => [caseOf('a'), caseOf('b')];
    const { failure } = merge([{ cases: cases() }, { cases: cases() }, { cases: cases() }]);
    expect(failure?.kind).toBe('report');
    expect(failure?.reason).toBe('each of the 3 shards ran the same 2 tests: the runner does not divide them');
    expect(failure?.hint).toContain('docs/shards.md');
  });

  test('fails for that although each report names its suite after its machine, unless the test runner supports shards', () => {
    const onHost = (host: string) => [{ ...caseOf('a'), suite: `${host}.suite` }];
    const shards = [{ cases: onHost('one') }, { cases: onHost('two') }];
    expect(merge(shards).failure?.reason).toContain('each of the 2 shards ran the same 1 test');
    expect(merge(shards, { ...split, isAnnounced: true }).failure).toBeNull();
  });

  test('takes tests of one name for two when their suites ran on different hosts, as browsers of Playwright are', () => {
    const cases = () => [caseOf('buys a shirt')];
    const merged = merge(
      [
        { cases: cases(), hosts: new Map([['pytest', 'chromium']]) },
        { cases: cases(), hosts: new Map([['pytest', 'firefox']]) },
      ],
      { ...split, isAnnounced: true },
    );
    expect(merged).toMatchObject({ failure: null, counts: { total: 2 } });
  });

  test('counts a test that every shard skips once, and takes the result of a test from the shard that ran it', () => {
    const [skipped, ran, left] = [caseOf('module', 'skipped'), caseOf('a'), caseOf('a', 'skipped')];
    const merged = merge([
      { cases: [skipped, left, caseOf('b')] },
      { cases: [caseOf('module', 'skipped'), ran, caseOf('c')] },
    ]);
    expect(merged).toMatchObject({ failure: null, counts: { total: 4, passed: 3, skipped: 1 } });
    expect(merged.repeated.has(left)).toBe(true);
    expect(merged.repeated.has(skipped)).toBe(false);
    expect(merged.repeated.size).toBe(2);
  });

  test('names the shard that was lost, counts its finished tests, and reports how many tests did not run', () => {
    const all = ['a', 'b', 'c', 'd'];
    const { failure, counts } = merge([
      { cases: [caseOf('a'), caseOf('b', 'failed')], collected: all },
      { cases: [caseOf('c')], collected: all, interruption: evicted('suite-1-abcde') },
    ]);
    expect(failure?.kind).toBe('evicted');
    expect(failure?.reason).toBe(
      'shard 1: the test pod suite-1-abcde was evicted; 1 tests finished; 2 tests finished in the other shards, 1 of them failed; 1 test of the suite not run',
    );
    expect(counts).toMatchObject({ total: 3, passed: 2, failed: 1, notRun: 1 });
    expect(failure?.evidence[0]).toBe('shard 0 (pod suite-0-abcde): 2 tests: 1 of 2 tests failed: b');
  });

  test('reports once what prevented all shards from running', () => {
    const lost = (shard: number) => ({ interruption: evicted(`suite-${shard}-abcde`) });
    expect(merge([lost(0), lost(1), lost(2)]).failure?.reason).toBe(
      'shards 0, 1, 2: the test pod suite-0-abcde was evicted',
    );
  });

  test('reports failed tests of several shards like those of one suite', () => {
    const { failure } = merge([
      { cases: [caseOf('a', 'failed'), caseOf('b')] },
      { cases: [caseOf('c')] },
      { cases: [caseOf('d', 'failed')] },
    ]);
    expect(failure).toMatchObject({ kind: 'test', reason: '2 of 4 tests failed in shards 0 and 2: a, d' });
  });

  test('warns of tests that are too many to be compared', () => {
    const facts = [shardOf(0, { cases: [caseOf('a')] }), { ...shardOf(1, { cases: [caseOf('b')] }), casesLeftOut: 7 }];
    expect(mergeShards(facts, split)).toMatchObject({
      failure: null,
      warnings: ['7 tests are more than are kept of reports: whether each ran in one shard is not known'],
    });
  });

  test('fails when no shard had a test', () => {
    expect(merge([{}, {}]).failure?.kind).toBe('no-tests');
  });

  test('ends with what ended the run as a whole', () => {
    const interruption: Failure = { kind: 'cancelled', reason: 'cancelled (SIGINT)', hint: '', evidence: [] };
    const { failure } = merge([{ cases: [caseOf('a')] }, { interruption }], { ...split, interruption });
    expect(failure).toMatchObject({
      kind: 'cancelled',
      reason: 'cancelled (SIGINT); 1 tests are known, 0 of them failed',
    });
  });
});

describe('1,000 schedules of shards that are killed, evicted, late and lying', () => {
  /** What becomes of a shard: most end well. */
  const fates = [
    'well',
    'well',
    'well',
    'well',
    'well',
    'well',
    'killed',
    'evicted',
    'late',
    'repeats',
    'drops',
    'fails',
    'empty-crash',
  ] as const;

  /** A suite, what each shard did of it, and what is true of it. */
  function play(random: SeededRandom) {
    const all = Array.from({ length: 1 + random.below(30) }, (_, i) => `test_${i}`);
    const count = 2 + random.below(6);
    const withHelper = random.chance(0.7);
    const shares = Array.from({ length: count }, (): string[] => []);
    for (const id of all) shares[random.below(count)]?.push(id);
    const runs = new Map(all.map((id) => [id, 0]));
    let isHarmed = false;
    const shards = shares.map((share): Shard => {
      const fate = random.pick(fates);
      let ran = share;
      let interruption: Failure | undefined;
      let exitCode: number | undefined;
      let collected: string[] | undefined = all;
      if (fate === 'killed' || fate === 'evicted' || fate === 'late') {
        const kind = fate === 'late' ? 'timeout' : 'evicted';
        interruption = { kind, reason: `${fate} in the middle`, hint: '', evidence: [] };
        ran = share.slice(0, random.below(share.length + 1));
        // A shard that never got this far has not reported its tests.
        if (ran.length === 0) collected = undefined;
        isHarmed = true;
      } else if (fate === 'repeats') ran = [...new Set([...share, random.pick(all)])];
      else if (fate === 'drops') ran = share.slice(1);
      else if (fate === 'empty-crash') {
        ran = [];
        exitCode = 4;
        isHarmed = true;
      }
      const fails = fate === 'fails' && ran.length > 0;
      isHarmed ||= fails;
      for (const id of ran) runs.set(id, (runs.get(id) ?? 0) + 1);
      return {
        cases: ran.map((id, i) => caseOf(id, fails && i === 0 ? 'failed' : 'passed')),
        ...(interruption === undefined ? {} : { interruption }),
        ...(exitCode === undefined ? {} : { exitCode }),
        ...(withHelper && collected !== undefined ? { collected } : {}),
      };
    });
    const known = new Set(shards.flatMap((one) => [...(one.collected ?? [])]));
    const missing = all.filter((id) => known.has(id) && runs.get(id) === 0);
    const twice = all.filter((id) => (runs.get(id) ?? 0) > 1);
    return { shards, isHarmed, missing, twice, executions: [...runs.values()].reduce((sum, one) => sum + one, 0) };
  }

  test('never pass with a test missing, twice or failed, count every test that ran, and report those that did not', () => {
    const seen = { passed: 0, failed: 0, missing: 0, twice: 0 };
    for (let seed = 0; seed < 1000; seed++) {
      const { shards, isHarmed, missing, twice, executions } = play(new SeededRandom(seed));
      const { failure, counts } = merge(shards);
      const shouldPass = !isHarmed && missing.length === 0 && twice.length === 0 && executions > 0;
      expect(failure === null, `seed ${seed}: ${failure?.reason}`).toBe(shouldPass);
      expect(counts.total, `seed ${seed}`).toBe(executions);
      expect(counts.notRun ?? 0, `seed ${seed}`).toBe(missing.length);
      seen[shouldPass ? 'passed' : 'failed']++;
      const said = JSON.stringify(failure);
      const isOnlyMissing = missing.length > 0 && twice.length === 0 && !isHarmed && executions > 0;
      if (isOnlyMissing) seen.missing++;
      expect(!isOnlyMissing || missing.every((id) => said.includes(`"${id}"`)), `seed ${seed}: ${said}`).toBe(true);
      const isOnlyTwice = twice.length > 0 && !isHarmed;
      if (isOnlyTwice) seen.twice++;
      const isTold = twice.every((id) => said.includes(id)) || said.includes('ran the same');
      expect(!isOnlyTwice || isTold, `seed ${seed}: ${said}`).toBe(true);
      const lost = shards.flatMap((one, i) => (one.interruption === undefined ? [] : [i]));
      for (const i of lost) expect(said, `seed ${seed}`).toContain(`shard ${i} (pod suite-${i}-abcde): `);
    }
    // The schedules are worth something only if each kind is among them.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });
});
