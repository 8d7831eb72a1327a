import { describe, expect, test } from 'vitest';
import type { ReportedIncident } from '../../src/core/report-model.ts';
import { headlineOf } from '../../src/report/headline.ts';
import { describeIncidents, nameIncidentShortly, nameVictims } from '../../src/report/incident-story.ts';
import { renderResultJson } from '../../src/report/result-json.ts';
import { renderSummary } from '../../src/report/summary-markdown.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { axisTicks, clockOf } from '../../src/report/timeline.ts';
import { formatCores, formatMemory } from '../../src/report/usage.ts';
import { greenRun, makeTest, restlessRun } from './sample-runs.ts';

const incidentAt = (at: string, what = 'restarted'): ReportedIncident => ({ at, pod: 'db-0', container: 'db', what });
const failedAt = (endedAt: string, seconds = 0.1) => makeTest({ name: endedAt, status: 'failed', seconds, endedAt });

describe('an incident of the platform', () => {
  test('is shown with the tests that failed within half a minute, in order of time', () => {
    const told = describeIncidents(
      [incidentAt('2026-03-01T12:05:00Z', 'lost readiness'), incidentAt('2026-03-01T12:04:31Z')],
      [
        failedAt('2026-03-01T12:04:35.200Z'),
        failedAt('2026-03-01T12:04:33Z'),
        failedAt('2026-03-01T12:05:45Z'),
        failedAt('2026-03-01T12:03:00Z'),
        makeTest({ status: 'failed' }),
        makeTest({ endedAt: '2026-03-01T12:04:32Z' }),
      ],
    );
    expect(told.map(({ incident, failed }) => [incident.what, failed.map(({ name }) => name)])).toEqual([
      ['restarted', ['2026-03-01T12:04:33Z', '2026-03-01T12:04:35.200Z']],
      ['lost readiness', []],
    ]);
    expect(told.map(nameVictims)).toEqual(['2 tests failed within 5 s', '']);
  });

  test('is shown with a test that ran during it, even if the test failed much later', () => {
    const [told] = describeIncidents([incidentAt('2026-03-01T12:04:31Z')], [failedAt('2026-03-01T12:06:30Z', 120)]);
    expect(told!.failed).toHaveLength(1);
  });

  test('is in the first line, since it is likelier the cause than the code under test', () => {
    const { verdict, tests, incidents } = restlessRun;
    expect(headlineOf(verdict, tests, incidents).sentence).toBe(
      '2 of 102 tests failed: test_totals, test_schema_of_silver; all within 4 s after floe-postgresql-0/postgres restarted (OOMKilled at its limit of 256Mi)',
    );
  });

  test.each([
    ['polaris-75f8ddc69d-2pnkv', 'polaris', 'polaris restarted'],
    ['dagster-webserver-58478d6c6c-xgbf7', 'dagster-webserver', 'dagster-webserver restarted'],
    ['postgres-0', 'postgres', 'postgres-0/postgres restarted'],
    ['etl-2pnkv', 'load', 'etl/load restarted'],
    ['cube', 'cube', 'cube restarted'],
  ])('of the pod %s and its container %s is called: %s', (pod, container, name) =>
    expect(nameIncidentShortly({ at: '', pod, container, what: 'restarted' })).toBe(name),
  );

  test('is reported for a green run too', () => {
    expect(headlineOf(greenRun.verdict, greenRun.tests, [incidentAt('x'), incidentAt('y')]).sentence).toBe(
      '195 tests passed in 2 min 24 s (5 skipped, 1 flaky); meanwhile db-0/db restarted, and 1 more incident',
    );
  });

  test('is in the summary, on the terminal and in result.json', () => {
    expect(renderSummary(restlessRun)).toContain(
      '- `12:03:00` floe-postgresql-0/postgres restarted (OOMKilled at its limit of 256Mi) — **2 tests failed within 4 s**: `test_totals`, `test_schema_of_silver`\n',
    );
    expect(renderTerminal(restlessRun)).toContain(
      '  ! 12:03:00 floe-postgresql-0/postgres restarted (OOMKilled at its limit of 256Mi): 2 tests failed within 4 s',
    );
    expect(JSON.parse(renderResultJson(restlessRun.verdict, restlessRun))).toMatchObject({
      incidents: [{ at: '2026-03-01T12:03:00Z', pod: 'floe-postgresql-0', container: 'postgres' }],
      usage: [{ pod: 'floe-postgresql-0', memoryLimitBytes: 256 * 2 ** 20 }, { pod: 'floe-dagster-daemon-0' }],
    });
  });
});

describe('CPU and memory', () => {
  test('are in the summary against requests and limits, open when something is close to its limit', () => {
    expect(renderSummary(restlessRun)).toContain(
      [
        '<details open><summary>CPU and memory</summary>',
        '',
        '| container | memory, at most | request | limit | CPU, at most | request | limit |',
        '|---|--:|--:|--:|--:|--:|--:|',
        '| `floe-postgresql-0 / postgres` | 250 MiB ⚠️ | 128 MiB | 256 MiB | 0.42 | 0.1 | – |',
        '| `floe-dagster-daemon-0 / daemon` | 190 MiB | – | – | 0.2 | – | – |',
      ].join('\n'),
    );
    const calm = { ...restlessRun, usage: restlessRun.usage!.slice(1) };
    expect(renderSummary(calm)).toContain('<details><summary>CPU and memory</summary>');
  });

  test('are on the terminal only for what is close to its limit', () => {
    expect(renderTerminal(restlessRun).filter((line) => line.includes('memory:'))).toEqual([
      '  memory: floe-postgresql-0 / postgres used 250 MiB of its limit of 256 MiB',
    ]);
  });

  test('are read at a glance', () => {
    expect([544_768, 67 * 2 ** 20, 1023 * 2 ** 20, 1.5 * 2 ** 30].map(formatMemory)).toEqual([
      '0.5 MiB',
      '67 MiB',
      '1023 MiB',
      '1.5 GiB',
    ]);
    expect([0.0002, 0.254, 2, 12.3].map(formatCores)).toEqual(['0', '0.25', '2', '12']);
  });
});

test('the axis of the timeline has a few round marks, however long the run was', () => {
  expect(axisTicks(18)).toEqual([0, 5, 10, 15]);
  expect(axisTicks(79)).toEqual([0, 15, 30, 45, 60, 75]);
  expect(axisTicks(3600)).toEqual([0, 600, 1200, 1800, 2400, 3000, 3600]);
  expect(axisTicks(0.001)).toEqual([0]);
  for (const seconds of [1, 7, 59, 61, 599, 4000, 90_000]) expect(axisTicks(seconds).length).toBeLessThanOrEqual(7);
  expect([0, 75, 3725].map(clockOf)).toEqual(['0:00', '1:15', '1:02:05']);
});
