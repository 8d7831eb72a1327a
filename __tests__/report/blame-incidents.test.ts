import { describe, expect, test } from 'vitest';
import type { Failure, TestCase } from '../../src/core/outcome.ts';
import type { ReportedIncident } from '../../src/core/report-model.ts';
import { describeIncidents } from '../../src/report/incident-story.ts';
import { blameIncidents, incidentsOf } from '../../src/verdict/blame-incidents.ts';

const red = (name: string, time: string): TestCase => ({
  suite: '',
  name,
  classname: '',
  seconds: 0.1,
  status: 'failed',
  message: '',
  details: '',
  endedAt: `2026-11-24T${time}Z`,
});
const killed = {
  at: '2026-11-24T12:04:31Z',
  pod: 'polaris-0',
  container: 'main',
  what: 'restarted (OOMKilled at its limit of 512Mi)',
};
const failure: Failure = { kind: 'test', reason: '3 of 9 tests failed: a, b, c', hint: 'Read.', evidence: ['x'] };

describe('a failure of the tests while the platform was not well', () => {
  test('is in the reason, in the hint and first in the evidence', () => {
    const tests = [red('a', '12:04:32'), red('b', '12:04:33'), red('c', '12:04:34.200')];
    const blamed = blameIncidents(failure, describeIncidents([killed], tests));
    expect(blamed.reason).toBe(
      '3 of 9 tests failed: a, b, c; meanwhile polaris-0/main restarted (OOMKilled at its limit of 512Mi) at 12:04:31 UTC, 3 tests failed within 4 s',
    );
    expect(blamed.hint).toBe('The platform had problems while the tests ran: look at its logs first. Read.');
    expect(blamed.evidence).toEqual([
      '2026-11-24T12:04:31Z polaris-0/main restarted (OOMKilled at its limit of 512Mi); then failed: a, b, c',
      'x',
    ]);
  });

  test('names the incident closest in time to most failures, and counts the others', () => {
    const before = { ...killed, at: '2026-11-24T12:00:00Z', pod: 'cube-0', what: 'was evicted' };
    const blamed = blameIncidents(failure, describeIncidents([before, killed], [red('a', '12:04:32')]));
    expect(blamed.reason).toMatch(
      /meanwhile polaris-0\/main restarted .* at 12:04:31 UTC, and 1 more incident, 1 test /,
    );
    expect(blamed.evidence[0]).toBe('2026-11-24T12:00:00Z cube-0/main was evicted');
  });

  test('is reported with a flaky test, too, which failed and passed when its tool ran it again', () => {
    const flake: TestCase = { ...red('a', '12:04:33'), status: 'passed', flakyRuns: 1 };
    const green: TestCase = { ...red('b', '12:04:33'), status: 'passed' };
    const [story] = describeIncidents([killed], [flake, green]);
    expect(story?.failed.map(({ name }) => name)).toEqual(['a']);
  });

  test('is shown with failures long after it, if its pod was not replaced', () => {
    const late = [red('a', '12:06:30')];
    expect(describeIncidents([killed], late)[0]!.failed).toEqual([]);
    const gone: ReportedIncident = { ...killed, what: 'is being deleted', lasts: true };
    const [told] = describeIncidents([gone], late);
    expect(told).toMatchObject({ failed: [{ name: 'a' }], withinSeconds: 119 });
    expect(blameIncidents(failure, [told!]).reason).toBe(
      '3 of 9 tests failed: a, b, c; meanwhile polaris-0/main is being deleted at 12:04:31 UTC and was not back when the tests ended, 1 test failed within 119 s',
    );
    // What was over before it began is no excuse for it, and a later incident is the likelier cause.
    expect(describeIncidents([gone], [red('a', '12:04:00')])[0]!.failed).toEqual([]);
    const later = { ...killed, at: '2026-11-24T12:06:20Z', pod: 'cube-0' };
    expect(describeIncidents([gone, later], late).map(({ failed }) => failed.length)).toEqual([0, 1]);
  });

  test('names what was missing when they began, which is no incident of a green run', () => {
    const absent: ReportedIncident = {
      at: '2026-11-24T12:04:00Z',
      pod: 'jaeger',
      container: '',
      what: 'had no pod: its Deployment is scaled to 0',
      lasts: true,
      wasBefore: true,
    };
    const blamed = blameIncidents(failure, describeIncidents([absent], [red('a', '12:09:00')]));
    expect(blamed.reason).toBe(
      '3 of 9 tests failed: a, b, c; when they began, jaeger had no pod: its Deployment is scaled to 0',
    );
    expect(blamed.evidence[0]).toBe(
      '2026-11-24T12:04:00Z jaeger had no pod: its Deployment is scaled to 0; then failed: a',
    );
    // Also where more failed after something else, which may be its consequence; but not for what failed before that.
    const later = { ...killed, at: '2026-11-24T12:04:30.900Z' };
    const tests = [red('a', '12:04:30.100'), red('b', '12:04:31'), red('c', '12:04:32')];
    expect(describeIncidents([absent, later], tests).map(({ failed }) => failed.map(({ name }) => name))).toEqual([
      ['a'],
      ['b', 'c'],
    ]);
    expect(blameIncidents(failure, describeIncidents([absent, later], tests)).reason).toBe(
      '3 of 9 tests failed: a, b, c; when they began, jaeger had no pod: its Deployment is scaled to 0; meanwhile polaris-0/main restarted (OOMKilled at its limit of 512Mi) at 12:04:30 UTC, 2 tests failed within 2 s',
    );
    expect(incidentsOf([absent, killed], failure)).toEqual([absent, killed]);
    expect(incidentsOf([absent, killed], null)).toEqual([killed]);
  });

  test('other failures, and runs without incidents, stay as they are', () => {
    expect(blameIncidents(failure, [])).toBe(failure);
    const image: Failure = { ...failure, kind: 'image' };
    expect(blameIncidents(image, describeIncidents([killed], []))).toBe(image);
  });
});
