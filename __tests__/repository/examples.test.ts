import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const examples = path.resolve(import.meta.dirname, '../../examples');
// The larger example, floe, is a data product of its own.
const small = ['shop', 'node', 'go', 'own-job'];

test.each(small)(
  'examples/%s has so few files that they are read in some minutes, and a README that begins with them',
  (name) => {
    const files = execFileSync('git', ['ls-files', '--', name], { cwd: examples, encoding: 'utf8' }).trim().split('\n');
    expect(files.length).toBeGreaterThan(4);
    expect(files.length).toBeLessThanOrEqual(15);
    expect(readFileSync(path.join(examples, name, 'README.md'), 'utf8')).toMatch(/^# .+\n\n[\s\S]*k8s-test run/);
  },
);

test.each(small)('the workflow of examples/%s gives actionlint nothing to say', (name) => {
  const workflow = path.join(examples, name, '.github/workflows/integration.yml');
  const { stdout, status } = spawnSync('actionlint', ['-no-color', '-shellcheck=', workflow], { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

test.each(small.filter((name) => existsSync(path.join(examples, name, 'chart'))))(
  'the chart of examples/%s passes helm lint',
  (name) => {
    const { stdout, status } = spawnSync('helm', ['lint', path.join(examples, name, 'chart')], { encoding: 'utf8' });
    expect(stdout).toContain('0 chart(s) failed');
    expect(status).toBe(0);
  },
);
