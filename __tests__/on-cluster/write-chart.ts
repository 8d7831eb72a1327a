import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sharedImage } from './global-setup.ts';

/** Writes a chart of these templates (and other files, by their path in it) into a directory of its own. */
export function writeChart(templates: Record<string, string>, files: Record<string, string> = {}): string {
  const chart = mkdtempSync(path.join(tmpdir(), 'chart-'));
  mkdirSync(path.join(chart, 'templates'));
  writeFileSync(path.join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: small\nversion: 1.0.0\n');
  for (const [name, text] of Object.entries(templates)) writeFileSync(path.join(chart, 'templates', name), text);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(chart, name), text);
  return chart;
}

interface ContainerParts {
  command?: string[];
  [field: string]: unknown;
}

/** A container of the shared test image; YAML is a superset of JSON, and JSON needs no indentation. */
export function container(name: string, parts: ContainerParts): object {
  return { name, image: sharedImage, imagePullPolicy: 'Never', command: ['sh', '-c', 'sleep 3600'], ...parts };
}

export function shell(script: string): string[] {
  return ['sh', '-c', script];
}

/** A Deployment of one container, as the text of a template. */
export function deployment(
  name: string,
  parts: ContainerParts,
  options: { pod?: object; spec?: object; metadata?: object } = {},
): string {
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...options.metadata },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [container('main', parts)], ...options.pod },
      },
      ...options.spec,
    },
  });
}

export function job(
  name: string,
  parts: ContainerParts,
  options: { annotations?: object; spec?: object } = {},
): string {
  return JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, annotations: options.annotations ?? {} },
    spec: {
      backoffLimit: 0,
      template: { spec: { restartPolicy: 'Never', containers: [container('main', parts)] } },
      ...options.spec,
    },
  });
}

export function claim(name: string, spec: object = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } }, ...spec },
  });
}

export function service(
  name: string,
  port: number,
  options: { selector?: object; targetPort?: number | string } = {},
): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      selector: options.selector ?? { app: name },
      ports: [{ port, targetPort: options.targetPort ?? port }],
    },
  });
}

/** A chart whose only pod, of this image, never gets ready: helm waits for it. */
export function writeHangingChart(image: { image: string; imagePullPolicy?: string }): string {
  const never = { imagePullPolicy: 'IfNotPresent', ...image, command: ['sleep', '600'] };
  return writeChart({ 'web.yaml': deployment('web', { ...never, readinessProbe: { exec: { command: ['false'] } } }) });
}
