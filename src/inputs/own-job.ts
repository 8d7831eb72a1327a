/** A Job of the user's own: which inputs it takes the place of, and which only it knows. */
import { readInputFile } from './inspect-path.ts';
import { readJobManifest, type TestJob } from './job-manifest.ts';
import type { InputError, InputName, InputValues, RawInputs } from './schema.ts';

/** A Job of the user's own, in place of the built-in one. */
export type OwnJob =
  | { kind: 'file'; path: string; testJob: TestJob }
  /** Templates of the chart, which are rendered when the cluster is known; `set` applies only to them. */
  | { kind: 'templates'; templates: string[]; set: string[]; container: string | undefined };

/** Inputs that only the built-in Job knows, whose container is made from them; a Job of the user's own defines these itself. */
const ofBuiltInJob: InputName[] = [
  'image',
  'build',
  'dockerfile',
  'command',
  'args',
  'memory',
  'cpu',
  'service-account',
  'node-selector',
  'volumes',
];
/** Inputs that only a Job of the user's own knows. */
const ofOwnJob: InputName[] = ['container', 'job-set'];

/** The user's own Job, as far as it can be known before the chart is rendered; its errors are added to `errors`. */
export function readOwnJob(
  raw: RawInputs,
  value: InputValues,
  { resolve, hasChart, errors }: { resolve: (file: string) => string; hasChart: boolean; errors: InputError[] },
): OwnJob | undefined {
  const templates = value['job-templates'];
  const wrong = (input: InputName, problem: string) => errors.push({ input, value: raw[input] ?? '', problem });
  if (value.job === undefined && templates.length === 0) {
    for (const name of ofOwnJob)
      if (raw[name] !== undefined)
        wrong(name, 'only applies to a Job of your own: give job or job-templates, or leave it out');
    return undefined;
  }
  const source: InputName = value.job === undefined ? 'job-templates' : 'job';
  if (value.tier === 'unit') wrong(source, 'needs a cluster, and tier unit runs a command on this machine');
  for (const name of ofBuiltInJob)
    if (raw[name] !== undefined) wrong(name, `contradicts ${source}: your own Job says it in its manifest`);
  if (value.job !== undefined && templates.length > 0) wrong('job-templates', 'contradicts job; leave one of them out');
  if (value.job === undefined) {
    if (!hasChart) wrong('job-templates', 'needs a chart, but the profile is none');
    return { kind: 'templates', templates, set: value['job-set'], container: value.container };
  }
  if (value['job-set'].length > 0) wrong('job-set', 'only applies to job-templates; a file is not rendered');
  const file = resolve(value.job);
  const { text, problem: unreadable } = readInputFile(file);
  if (unreadable !== undefined) {
    wrong('job', unreadable);
    return undefined;
  }
  const read = readJobManifest(text, {
    namespace: value.namespace,
    resultsPath: value['results-path'],
    container: value.container,
  });
  if (read.testJob !== undefined) return { kind: 'file', path: file, testJob: read.testJob };
  for (const { about, problem } of read.problems)
    if (about === 'manifest') wrong('job', problem);
    else errors.push({ input: about, value: value[about] ?? '', problem });
  return undefined;
}
