import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DefaultArtifactClient } from '@actions/artifact';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ActionReporter } from '../../../src/action/action-reporter.ts';
import { uploadArtifact } from '../../../src/action/artifact.ts';
import { publish } from '../../../src/action/publish.ts';
import { planComment } from '../../../src/action/pull-request-comment.ts';
import { makeInput, makeTest } from '../../report/sample-runs.ts';
import { makeRunner, untilEnd } from '../as-runner.ts';
import { type ResultsService, startResultsService, withEnv } from './results-service.ts';

let service: ResultsService;
let directory: string;

beforeAll(async () => {
  // @actions/artifact logs every request to the step's log; here that would hide the other tests.
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  service = await startResultsService();
  directory = mkdtempSync(path.join(tmpdir(), 'results-service-'));
  mkdirSync(path.join(directory, 'in/logs'), { recursive: true });
  writeFileSync(path.join(directory, 'in/result.json'), '{"schema": 1}\n');
  writeFileSync(path.join(directory, 'in/logs/größe 1.log'), 'x'.repeat(3_000_000));
}, 60_000);
afterAll(async () => {
  vi.restoreAllMocks();
  await service.stop();
  rmSync(directory, { recursive: true });
});

const upload = (name: string, freeName = name) =>
  uploadArtifact({ name, freeName, directory: path.join(directory, 'in'), isMasked: true, retentionDays: 90 });

describe('an upload', () => {
  test('is downloaded byte for byte, with its id and its retention', async () => {
    const uploaded = await withEnv(service.admitJob(), () => upload('one'));
    expect(uploaded).toMatchObject({ ok: true, value: { leftOut: [] } });
    const stored = service.listStored().find((artifact) => artifact.name === 'one');
    expect(uploaded).toMatchObject({ value: { id: String(stored?.id) } });
    const keptDays = (Date.parse(stored?.expiresAt ?? '') - Date.now()) / 86_400_000;
    expect(keptDays).toBeGreaterThan(89.9);
    expect(keptDays).toBeLessThan(90.1);

    const out = path.join(directory, 'out');
    await service.download('one', out);
    for (const file of ['result.json', 'logs/größe 1.log'])
      expect(readFileSync(path.join(out, file)).equals(readFileSync(path.join(directory, 'in', file))), file).toBe(
        true,
      );
  });

  // Only root can make files of other users.
  test.runIf(process.getuid?.() === 0)(
    'of a runner who is not root holds all that it may read, and names the rest',
    async () => {
      const runner = makeRunner();
      onTestFinished(() => rmSync(runner.directory, { recursive: true }));
      const own = path.join(runner.directory, 'home/out');
      for (const name of ['results/closed', 'results/open']) mkdirSync(path.join(own, name), { recursive: true });
      for (const name of ['result.json', 'results/open/junit.xml', 'results/closed/in.txt', 'results/mine.txt'])
        writeFileSync(path.join(own, name), name);
      chmodSync(path.join(own, 'results/closed'), 0o700);
      chmodSync(path.join(own, 'results/mine.txt'), 0o600);
      const script = runner.bundle('__tests__/support/results-service/upload-as-runner.ts');
      const env = service.admitJob();
      const { status, output } = await untilEnd(
        runner.start(runner.node, [script, own, 'as-runner'], { env: { ...env } }),
      );
      expect(status, output).toBe(0);
      const uploaded = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
      expect(uploaded).toMatchObject({ ok: true, value: { leftOut: [] } });
      expect(uploaded.value.unreadable.sort()).toEqual(['results/closed', 'results/mine.txt']);
      const out = path.join(directory, 'out-as-runner');
      await service.download('as-runner', out);
      const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).sort();
      expect(files).toEqual(['result.json', 'results', 'results/open', 'results/open/junit.xml']);
    },
  );

  test('of results that could not be masked holds verdict and reports alone, and never what is beside the results', async () => {
    const own = path.join(directory, 'own');
    mkdirSync(path.join(own, 'results'), { recursive: true });
    mkdirSync(path.join(own, '.k8s-test-left/rest'), { recursive: true });
    for (const name of ['result.json', 'junit.xml', 'results/secret.txt', '.k8s-test-left/rest/secret.txt', '.reserve'])
      writeFileSync(path.join(own, name), name);
    const options = { directory: own, retentionDays: 90 };
    for (const isMasked of [true, false]) {
      const name = `masked-${isMasked}`;
      const uploaded = await withEnv(service.admitJob(), () =>
        uploadArtifact({ ...options, name, freeName: name, isMasked }),
      );
      expect(uploaded).toMatchObject({ ok: true });
      const out = path.join(directory, `out-${name}`);
      await service.download(name, out);
      const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).sort();
      expect(files).toEqual(['junit.xml', 'result.json', ...(isMasked ? ['results', 'results/secret.txt'] : [])]);
    }
  });

  test('that a step makes of results that could not be masked holds no file of the tests, and the log has a warning', async () => {
    const root = path.join(directory, 'step');
    mkdirSync(path.join(root, 'results'), { recursive: true });
    const summary = path.join(root, 'summary.md');
    for (const name of ['result.json', 'summary.md', 'results/secret.txt']) writeFileSync(path.join(root, name), name);
    const dir = { root, summary, reportHtml: path.join(root, 'report.html') };
    const report = makeInput({ outcome: 'passed' }, [makeTest()]);
    const inputs = { tier: 'unit', mode: 'test', upload: 'always', artifactName: 'open', retentionDays: 90 } as const;
    const written: string[] = [];
    const reporter = new ActionReporter((line) => written.push(line));
    const files = {
      GITHUB_STEP_SUMMARY: path.join(directory, 'steps.md'),
      GITHUB_OUTPUT: path.join(directory, 'outputs'),
    };
    for (const file of Object.values(files)) writeFileSync(file, '');
    const end = { verdict: report.verdict, report, dir, kubeconfig: '', ownsResultsDir: true, isMasked: false };
    await withEnv({ ...service.admitJob(), ...files }, () =>
      publish(end, inputs, { runId: 'abcd', comment: planComment('never', {}, {}) }, reporter),
    );
    const out = path.join(directory, 'out-open');
    await service.download('open', out);
    expect(readdirSync(out, { recursive: true, encoding: 'utf8' }).sort()).toEqual(['result.json', 'summary.md']);
    expect(written.join('\n')).toMatch(/::warning::some files of the results could not be masked/);
  });

  test('with a name that the run has already is refused, and the first one stays', async () => {
    await withEnv(service.admitJob(), () => upload('twice'));
    const second = await withEnv(service.admitJob(), () => upload('twice'));
    expect(second).toMatchObject({
      ok: false,
      failure: { kind: 'results', reason: expect.stringMatching(/twice was not uploaded: .*409.*already exists/) },
    });
    expect(service.listStored().filter((artifact) => artifact.name === 'twice')).toHaveLength(1);
    const inAnotherRun = await withEnv(service.admitJob('another-run'), () => upload('twice'));
    expect(inAnotherRun).toMatchObject({ ok: true });
  });

  test('with a name that is taken gives way to one that is free, and nothing is lost', async () => {
    await withEnv(service.admitJob(), () => upload('taken'));
    const second = await withEnv(service.admitJob(), () => upload('taken', 'taken-no-more'));
    expect(second).toMatchObject({ ok: true, value: { name: 'taken-no-more' } });
    expect(service.listStored().map(({ name }) => name)).toEqual(expect.arrayContaining(['taken', 'taken-no-more']));
  });

  test('to a GitHub Enterprise Server, which has no such service, is a failure with the path of the files', async () => {
    const enterprise = { ...service.admitJob(), GITHUB_SERVER_URL: 'https://github.example.com' };
    expect(await withEnv(enterprise, () => upload('enterprise'))).toMatchObject({
      ok: false,
      failure: {
        reason: expect.stringMatching(/enterprise was not uploaded: .*GHES/),
        hint: `The files are in ${path.join(directory, 'in')} on the runner.`,
      },
    });
  });

  test('without a token, with a wrong one, or where nothing listens is a failure with the reason, and no exception', async () => {
    const env = service.admitJob();
    const without = await withEnv({ ...env, ACTIONS_RUNTIME_TOKEN: '' }, () => upload('denied'));
    expect(without).toMatchObject({ ok: false, failure: { reason: expect.stringContaining('ACTIONS_RUNTIME_TOKEN') } });
    const forged = env.ACTIONS_RUNTIME_TOKEN.replace(/\.$/, '.c2lnbmF0dXJl');
    const wrong = await withEnv({ ...env, ACTIONS_RUNTIME_TOKEN: forged }, () => upload('denied'));
    expect(wrong).toMatchObject({ ok: false, failure: { reason: expect.stringContaining('(401)') } });
    const nobody = await withEnv({ ...env, ACTIONS_RESULTS_URL: 'http://127.0.0.1:9' }, () => upload('denied'));
    expect(nobody).toMatchObject({ ok: false, failure: { reason: expect.stringContaining('ECONNREFUSED') } });
    expect(service.listStored().map((artifact) => artifact.name)).not.toContain('denied');
  });
});

describe('the service', () => {
  test('lists and deletes the artifacts of the run that asks, and of no other', async () => {
    const run = 'a-run-of-its-own';
    await withEnv(service.admitJob(run), () => upload('listed'));
    await withEnv(service.admitJob(run), () => upload('deleted'));
    const client = new DefaultArtifactClient();
    await withEnv(service.admitJob(run), async () => {
      expect((await client.listArtifacts()).artifacts.map((artifact) => artifact.name)).toEqual(['listed', 'deleted']);
      await client.deleteArtifact('deleted');
      expect((await client.listArtifacts()).artifacts.map((artifact) => artifact.name)).toEqual(['listed']);
    });
    await withEnv(service.admitJob('an-empty-run'), async () => {
      expect((await client.listArtifacts()).artifacts).toEqual([]);
      await expect(client.getArtifact('listed')).rejects.toThrow(/not found/i);
    });
  });

  test('hands out no blob without a signature', async () => {
    await withEnv(service.admitJob(), () => upload('signed'));
    const { ACTIONS_RESULTS_URL, ACTIONS_RUNTIME_TOKEN } = service.admitJob();
    const scope = JSON.parse(Buffer.from(ACTIONS_RUNTIME_TOKEN.split('.')[1]!, 'base64url').toString()).scp as string;
    const [, run, job] = scope.split(' ')[1]!.split(':');
    const answer = await fetch(
      `${ACTIONS_RESULTS_URL}twirp/github.actions.results.api.v1.ArtifactService/GetSignedArtifactURL`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${ACTIONS_RUNTIME_TOKEN}` },
        body: JSON.stringify({ workflow_run_backend_id: run, workflow_job_run_backend_id: job, name: 'signed' }),
      },
    );
    const signed = new URL(((await answer.json()) as { signed_url: string }).signed_url);
    expect((await fetch(signed)).status).toBe(200);
    signed.search = '';
    expect((await fetch(signed)).status).toBe(403);
  });
});
