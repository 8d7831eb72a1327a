/** How each program of the full platform is broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Container, kubectl, podsOf, replace, takeAway, type Workload } from './kept-platform.ts';

/** A way to break a program. */
export interface Fault {
  how: 'gone' | 'misconfigured';
  apply: (workload: Workload) => Promise<void>;
  /** What the first line must say of it. */
  words: (workload: Workload) => string;
}

/** What an operator may get wrong of each program: it cannot start so. */
export const mistakes: Record<string, (container: Container) => void> = {
  'dagster-webserver': replaceWord('/opt/dagster/home/workspace.yaml', '/opt/dagster/home/workspaces.yaml'),
  'dagster-daemon': replaceWord('/opt/dagster/home/workspace.yaml', '/opt/dagster/home/workspaces.yaml'),
  'floe-example': replaceWord('floe_example.lakehouse.definitions', 'floe_example.lakehouse.definition'),
  postgres: giveArguments('postgres', '-c', 'shared_buffers=many'),
  polaris: setVariable('CATALOG_URI', 'jdbc:sqlite:/var/lib/no-such-directory/catalog.db'),
  minio: setVariable('MINIO_ROOT_PASSWORD', 'short'),
  cube: setVariable('CUBEJS_DB_HOST', 'postgresql'),
  'otel-collector': replaceWord('/etc/otelcol/config.yaml', '/etc/otelcol/configuration.yaml'),
  jaeger: giveArguments('--memory.max-traces=many'),
  prometheus: replaceWord(
    '--config.file=/etc/prometheus/prometheus.yml',
    '--config.file=/etc/prometheus/prometheus.yaml',
  ),
};

function replaceWord(right: string, wrong: string) {
  return (container: Container): void => {
    const words = [container.command, container.args].find((list) => list?.includes(right));
    if (words === undefined)
      throw new Error(`no word ${right} in ${JSON.stringify([container.command, container.args])}`);
    words[words.indexOf(right)] = wrong;
  };
}

function giveArguments(...args: string[]) {
  return (container: Container): void => {
    container.args = args;
  };
}

function setVariable(name: string, value: string) {
  return (container: Container): void => {
    const variable = container.env?.find((one) => one.name === name);
    if (variable === undefined) throw new Error(`no variable ${name}`);
    variable.value = value;
    delete variable.valueFrom;
  };
}

interface Pods {
  items: { metadata: { uid: string }; status: { containerStatuses?: { restartCount: number }[] } }[];
}
interface Events {
  items: { involvedObject: { uid: string }; count?: number }[];
}

/** Waits until its pod has shown that it cannot start: has crashed, or failed its probe ten times. */
async function waitForTrouble(workload: Workload): Promise<void> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const pods = JSON.parse(kubectl('get', 'pods', '--selector', podsOf(workload), '--output=json')) as Pods;
    if (pods.items.some(({ status }) => status.containerStatuses?.some(({ restartCount }) => restartCount > 0))) return;
    const unhealthy = kubectl('get', 'events', '--field-selector=reason=Unhealthy', '--output=json');
    const uids = pods.items.map(({ metadata }) => metadata.uid);
    const ofIt = (JSON.parse(unhealthy) as Events).items.filter(({ involvedObject }) =>
      uids.includes(involvedObject.uid),
    );
    if (ofIt.some(({ count = 1 }) => count >= 10)) return;
    if (performance.now() > deadline) throw new Error(`${workload.metadata.name} runs with a wrong configuration`);
    await sleep(500);
  }
}

export const faults: Fault[] = [
  {
    how: 'gone',
    apply: async (workload) => takeAway(workload),
    words: ({ kind, metadata }) => `${metadata.name} had no pod: its ${kind} is scaled to 0`,
  },
  {
    how: 'misconfigured',
    apply: async (workload) => {
      const wrong = structuredClone(workload);
      mistakes[workload.metadata.name]!(wrong.spec.template.spec.containers[0]!);
      takeAway(workload);
      replace(wrong);
      await waitForTrouble(workload);
    },
    words: ({ metadata }) => `${metadata.name} had no ready pod: `,
  },
];
