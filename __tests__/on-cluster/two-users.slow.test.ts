// Alone on the machine: `down` removes what runs of a user left.
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { makeRunner, runnerUid } from '../support/as-runner.ts';
import { nodeImageFlags } from './command-line.ts';
import { WatchedOutput } from './watched-output.ts';

const begun = 'the tests have begun';

/** A user with a home of its own, who has started a run whose tests wait for a file in their results. */
function startRun(uid: number, tests: string) {
  const runner = makeRunner(uid);
  const cli = runner.copyCheckout();
  const results = path.join(runner.directory, 'home', 'out');
  const call = (...args: string[]) => {
    const child = runner.start(runner.node, [cli, ...args]);
    const output = new WatchedOutput(child, 'close');
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { output, ended };
  };
  const script = `mkdir -m 700 /results/closed; echo ${tests} >/results/closed/file; echo ${begun}
    until [ -e /results/go ]; do sleep 0.2; done
    echo '<testsuite tests="1"><testcase name="${tests}"/></testsuite>' >/results/junit.xml`;
  const flags = ['--profile', 'none', '--image', 'debian:bookworm-slim', '--results-dir', results];
  const run = call('run', ...flags, '--command', JSON.stringify(['sh', '-c', script]), ...nodeImageFlags);
  return { uid, tests, runner, results, run, call };
}

// Only root can be two other users.
describe.runIf(process.getuid?.() === 0)('two users who run tests on one docker at once', () => {
  test('get their own results each, and `down` of one leaves the run of the other alone', async () => {
    const users = [startRun(runnerUid, 'test_mine'), startRun(runnerUid + 1, 'test_theirs')];
    try {
      await Promise.all(users.map(({ run }) => run.output.untilPrinted(begun)));
      for (const { call } of users) {
        const down = call('down');
        expect(await down.ended, down.output.text).toBe(0);
      }
      for (const { runner, results } of users) {
        const go = runner.start('touch', [path.join(results, 'results', 'go')]);
        await new Promise((resolve) => go.on('close', resolve));
      }
      for (const { uid, tests, results, run } of users) {
        expect(await run.ended, run.output.text).toBe(0);
        const verdict = JSON.parse(readFileSync(path.join(results, 'result.json'), 'utf8')) as Verdict;
        expect(verdict).toMatchObject({ outcome: 'passed', tests: { passed: 1 }, warnings: [] });
        expect(readFileSync(path.join(results, 'results/closed/file'), 'utf8')).toBe(`${tests}\n`);
        const names = readdirSync(results, { recursive: true, encoding: 'utf8' });
        const owners = new Set(names.map((name) => lstatSync(path.join(results, name)).uid));
        expect([...owners]).toEqual([uid]);
      }
    } finally {
      for (const { runner } of users) rmSync(runner.directory, { recursive: true });
    }
  });
});
