import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Verdict } from '../../src/core/outcome.ts';
import { noteMachine } from '../on-cluster/dockers.ts';
import { bootGuest, type Guest } from './guest.ts';

const nodeImage = process.env.FLOE_LAB_NODE_IMAGE ?? '';
/** Those of the tier in the project file, and longer deadlines: a process takes ten times as long there. */
const variables = ['DAGSTER_HOST=dagster-webserver', 'DUCKDB_PATH=/data/floe.duckdb', 'DEADLINE_FACTOR=10'].join('\n');
/** Ends a script where the run has left a container. */
const expectNoContainer = 'docker ps --all --quiet >/tmp/left; test ! -s /tmp/left || { docker ps --all; exit 70; }';
let guest: Guest;

beforeAll(async () => {
  guest = await bootGuest();
});
afterAll(() => guest?.end());

test('the integration tier of the example passes on cgroup v2, as user runner on docker 28', async () => {
  const { status, output } = await guest.run(
    'integration',
    `cd /share/checkout/examples/floe
status=0
flags="--platform-timeout 30m --timeout 20m --results-dir $HOME/results"
node /share/checkout/dist/cli.js run --tier integration --node-image '${nodeImage}' $flags --env '${variables}' || status=$?
sudo cp "$HOME/results/result.json" /share/integration.json
${expectNoContainer}
exit "$status"`,
  );
  expect(status, output).toBe(0);
  const verdict = JSON.parse(guest.read('integration.json')) as Verdict;
  expect(verdict, output).toMatchObject({ outcome: 'passed', tests: { passed: 28 } });
  expect(output).toMatch(/1 nodes mount 4 images of the local docker/);
  noteMachine('guest: the integration tier on cgroup v2, docker 28.5.2, as runner (uid 1001)');
});

const workflow = `on: push
jobs:
  guest:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
      - id: tests
        uses: ./
        with:
          profile: none
          image: floe-test-runner:dev
          node-image: ${nodeImage}
          command: |
            - sh
            - -c
            - |
              cd /tmp && echo 'def test_sum(): assert 1 + 1 == 2' >test_sum.py
              exec pytest -v --junitxml=/results/junit.xml test_sum.py
      - run: cp "\${{ steps.tests.outputs.results-dir }}/result.json" "$HOME/action.json"
`;

test('the action runs a workflow through act on cgroup v2, as user runner on docker 28, and leaves nothing behind', async () => {
  guest.lend('act');
  const { status, output } = await guest.run(
    'action',
    `cp --recursive /share/checkout "$HOME/repository"
cd "$HOME/repository"
mkdir --parents .github/workflows
cat >.github/workflows/guest.yml <<'Y'
${workflow}Y
status=0
/share/act push --platform ubuntu-latest=-self-hosted --no-cache-server || status=$?
sudo cp "$HOME/action.json" /share/
${expectNoContainer}
exit "$status"`,
  );
  expect(status, output).toBe(0);
  const verdict = JSON.parse(guest.read('action.json')) as Verdict;
  expect(verdict, output).toMatchObject({ outcome: 'passed', tests: { passed: 1 } });
  noteMachine('guest: the action through act on cgroup v2, docker 28.5.2, as runner (uid 1001)');
});
