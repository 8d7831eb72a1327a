import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DefaultArtifactClient } from '@actions/artifact';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { downloadLegs } from '../../src/action/download-legs.ts';
import { listArtifacts } from '../../src/action/list-artifacts.ts';
import {
  type ResultsEnv,
  type ResultsService,
  startResultsService,
  withEnv,
} from '../support/results-service/results-service.ts';

let service: ResultsService;
let root: string;
beforeAll(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'download-legs-'));
  service = await startResultsService();
}, 120_000);
afterAll(async () => {
  await service.stop();
  rmSync(root, { recursive: true });
});

async function upload(job: ResultsEnv, name: string): Promise<void> {
  const file = path.join(root, 'result.json');
  writeFileSync(file, JSON.stringify({ name }));
  await withEnv(job, () => new DefaultArtifactClient().uploadArtifact(name, [file], root));
}

test('the legs come with the job run that uploaded each, according to GitHub and not to themselves', async () => {
  const [one, other, reader] = [service.admitJob(), service.admitJob(), service.admitJob()];
  const before = Date.now();
  await upload(one, 'k8s-test-a');
  await upload(one, 'k8s-test-b');
  await upload(other, 'k8s-test-c');
  await upload(other, 'other');
  const said: string[] = [];
  const legs = await withEnv(reader, () =>
    downloadLegs({ patterns: ['k8s-test-*'], directory: path.join(root, 'legs'), say: (line) => said.push(line) }),
  );
  if (!legs.ok) throw new Error(legs.failure.reason);
  const { artifacts } = legs.value;
  expect(artifacts.map(({ name }) => name).sort()).toEqual(['k8s-test-a', 'k8s-test-b', 'k8s-test-c']);
  for (const { name, directory } of artifacts) {
    const at = path.join(legs.value.directory, directory);
    expect(readdirSync(at)).toEqual(['result.json']);
    expect(JSON.parse(readFileSync(path.join(at, 'result.json'), 'utf8'))).toEqual({ name });
  }
  const jobRunOf = (name: string) => artifacts.find((artifact) => artifact.name === name)?.jobRun;
  expect(jobRunOf('k8s-test-a')).toBe(jobRunOf('k8s-test-b'));
  expect(jobRunOf('k8s-test-c')).not.toBe(jobRunOf('k8s-test-a'));
  for (const { createdAt } of artifacts) {
    expect(createdAt).toBeGreaterThanOrEqual(before - 1000);
    expect(createdAt).toBeLessThanOrEqual(Date.now() + 1000);
  }
}, 60_000);

test('a service that has one id for all jobs, as act has, gives for no artifact the job that uploaded it', async () => {
  const job = service.admitJob();
  await upload(job, 'k8s-test-act');
  const legs = await withEnv(job, () =>
    downloadLegs({ patterns: ['k8s-test-act'], directory: path.join(root, 'act'), say: () => {} }),
  );
  expect(legs).toMatchObject({ ok: true, value: { artifacts: [{ name: 'k8s-test-act', jobRun: undefined }] } });
}, 60_000);

test('without a token, and with one that the service refuses, the reason is reported', async () => {
  expect(await listArtifacts({})).toMatchObject({ ok: false });
  const env = service.admitJob();
  const [head, body] = env.ACTIONS_RUNTIME_TOKEN.split('.');
  const refused = await listArtifacts({ ...env, ACTIONS_RUNTIME_TOKEN: `${head}.${body}.forged` });
  expect(refused).toMatchObject({ ok: false, failure: { reason: expect.stringContaining('401') } });
});
