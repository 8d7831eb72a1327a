import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Chart, renderChart } from '../../src/platform/chart.ts';
import { planValues, withValues } from '../../src/platform/chart-values.ts';
import { renderJobTemplates } from '../../src/platform/render-job.ts';

/** Prints all values with the types that Go gives them, which JSON does not show. */
const dump = `{{- define "dump" -}}
{{- if kindIs "map" . }}map({{ range $k, $v := . }}{{ $k | quote }}:{{ include "dump" $v }};{{ end }})
{{- else if kindIs "slice" . }}list({{ range . }}{{ include "dump" . }};{{ end }})
{{- else }}{{ printf "%T %q" . (printf "%v" .) }}{{ end -}}
{{- end -}}
`;
const values = 'kept: 1\nold:\n  list: [a, b, c]\n  password: from-the-file\nports: [80, 443]\n';

let directory: string;
let helm: string;
let chart: Chart;

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'values-'));
  helm = execFileSync('which', ['helm'], { encoding: 'utf8' }).trim();
  const root = path.join(directory, 'chart');
  mkdirSync(path.join(root, 'templates'), { recursive: true });
  writeFileSync(path.join(root, 'Chart.yaml'), 'apiVersion: v2\nname: small\nversion: 1.0.0\n');
  writeFileSync(path.join(root, 'templates', '_dump.tpl'), dump);
  const config = (data: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: all\ndata:\n  all: ${data}\n`;
  writeFileSync(path.join(root, 'templates', 'all.yaml'), config('{{ include "dump" .Values | toJson }}'));
  writeFileSync(path.join(directory, 'values.yaml'), values);
  const workDir = path.join(directory, 'work, and more');
  mkdirSync(workDir);
  chart = {
    helm,
    release: 'r',
    namespace: 'n',
    chart: root,
    title: 'small 1.0.0',
    valuesFiles: [path.join(directory, 'values.yaml')],
    set: [],
    workDir,
    kubernetes: undefined,
  };
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Helm by itself, with `--set` on its command line: what it prints, or that it refuses. */
function helmItself(set: string[]): string {
  try {
    const flags = set.flatMap((line) => ['--set', line]);
    return execFileSync(helm, ['template', 'r', chart.chart, '--values', chart.valuesFiles[0]!, ...flags], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return 'refused';
  }
}

async function ours(set: string[]): Promise<string> {
  const rendered = await renderJobTemplates(chart, {
    templates: ['templates/all.yaml'],
    set,
    signal: AbortSignal.timeout(60_000),
  });
  return rendered.ok ? rendered.value : 'refused';
}

const lines: string[][] = [
  ['a=text'],
  ['a=12', 'b=-5', 'c=+7', 'd=0', 'e=007', 'f=-007', 'g=9223372036854775807', 'h=9223372036854775808', 'i=1.5'],
  ['a=true', 'b=FALSE', 'c=Null', 'd=nullx', 'e=yes', 'f=fal\u017fe', 'g='],
  ['a=x,b=y,c.d=z', 'c.e=1,c.f=w'],
  ['a={x,y,1,true,null}', 'b={}', 'c={x}', 'd={,}', 'e={x,}'],
  ['a={x}b=y', 'c={x},d=y,'],
  ['a[0]=x,a[2]=y', 'b[1][0]=z', 'c[0].name=n,c[0].value=v', 'd[0]={x,y}'],
  ['old.list[1]=B', 'old.password=new', 'ports[0]=8080,ports[1]=https'],
  ['old.list={x}', 'old.list[0]=y', 'old.list[1]=z'],
  ['old.list[0]=lost', 'old.list={x,y}', 'old.list[1]=z'],
  ['old.password=lost', 'old.password=5'],
  ['old.password=5', 'old.password=kept'],
  ['old.password=lost', 'old=null'],
  ['old.password=lost,old=null,old=text'],
  ['old=null', 'other.password=kept'],
  ['a={x,y}', 'a[0].b=z'],
  ['a.b=lost', 'a=whole'],
  ['a=one\\,two', 'b=back\\\\slash', 'c=end\\', 'd=a=b=c', 'e=\\{x}', 'f={a\\,b,c\\}}'],
  ['nodeSelector."kubernetes\\.io/role"=master', 'a\\.b=dotted', 'a\\[0\\]=bracket', 'a\\=b=equals'],
  ['a= leading', 'b=päß 🙂 語', "c='quoted'", 'd="quoted"', 'e=$HOME `x` %s %2f', 'f=-', 'g=--set', 'h=@file'],
  ['global.a=x', 'subchart.enabled=false', 'tags.x=true'],
  ['a[01]=x', 'a[+0]=y'],
];
const wrongLines: string[][] = [
  ['a[-1]=x'],
  ['a[70000]=x'],
  ['a=text', 'a.b=x'],
  ['old[0]=x'],
  [`${'a.'.repeat(40)}b=x`],
];

describe('what is set of a chart', () => {
  test.for(lines)('means what helm --set makes of it: %j', async (set) => {
    const expected = helmItself(set);
    expect(expected).toContain('kind: ConfigMap');
    expect(await ours(set)).toBe(expected);
  });

  test.for(wrongLines)('is refused as helm --set refuses it: %j', async (set) => {
    expect(helmItself(set)).toBe('refused');
    expect(await ours(set)).toBe('refused');
  });

  test('is refused before helm runs where it is no assignment, and its text is not printed', () => {
    expect(() => planValues(['password=abc,def'])).toThrow(/not key=value/);
    expect(() => planValues(['password=abc,def'])).not.toThrow(/def/);
  });

  test('overrides files of values, and settings only for the Job override both', async () => {
    const both = { ...chart, set: ['old.password=from-set', 'kept=text'] };
    const rendered = await renderJobTemplates(both, {
      templates: ['templates/all.yaml'],
      set: ['old.password=from-job-set', 'kept=2'],
      signal: AbortSignal.timeout(60_000),
    });
    expect(rendered).toMatchObject({ ok: true });
    const text = rendered.ok ? rendered.value : '';
    expect(text).toContain('from-job-set');
    expect(text).not.toMatch(/from-set|from-the-file/);
    expect(text).toContain('int64 \\"2\\"');
  });

  test('is on no command line while helm runs, only in files that other users cannot read, which are removed afterwards', async () => {
    const slow = path.join(directory, 'slow');
    mkdirSync(path.join(slow, 'templates'), { recursive: true });
    writeFileSync(path.join(slow, 'Chart.yaml'), 'apiVersion: v2\nname: slow\nversion: 1.0.0\n');
    // A key of 4096 bits takes a second or more.
    writeFileSync(
      path.join(slow, 'templates', 'keys.yaml'),
      'kind: Slow\napiVersion: v1\nkeys: {{ range until 3 }}{{ genPrivateKey "rsa" | len }} {{ end }}\npassword: {{ .Values.auth.password }}\n',
    );
    const canary = `canary-${process.pid}-hunter2`;
    const set = [`auth.password=${canary},replicas=3`, `users={admin:${canary},guest}`];
    const over = new AbortController();
    const seen = new Set<string>();
    const modes = new Set<number>();
    const look = async () => {
      while (!over.signal.aborted) {
        for (const line of commandLinesOf('template r')) seen.add(line);
        for (const name of readdirSync(chart.workDir!))
          for (const file of listFiles(path.join(chart.workDir!, name))) modes.add(statSync(file).mode & 0o777);
        await sleep(5);
      }
    };
    const looking = look();
    const rendered = await renderChart({ ...chart, chart: slow, set }, AbortSignal.timeout(60_000)).finally(() =>
      over.abort(),
    );
    await looking;
    expect(rendered).toMatchObject({ ok: true, value: { manifests: [{ password: canary }] } });
    expect([...seen].filter((line) => line.includes('auth.password=')).length).toBeGreaterThan(0);
    expect([...seen].filter((line) => line.includes(canary))).toEqual([]);
    expect([...modes]).toEqual([0o600]);
    expect(readdirSync(chart.workDir!)).toEqual([]);
  });

  test('leaves no file behind where helm fails or the run is cancelled', async () => {
    const failing = withValues(['a=secret'], chart.workDir, (args) => {
      const file = args.at(-1)!.replace(/^a=/, '').replaceAll('\\', '');
      expect(readFileSync(file, 'utf8')).toBe('secret');
      expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
      return Promise.reject(new Error('helm is gone'));
    });
    await expect(failing).rejects.toThrow('helm is gone');
    expect(readdirSync(chart.workDir!)).toEqual([]);
    const elsewhere = await withValues(['a=secret'], undefined, async (args) => args.at(-1)!.replace(/^a=/, ''));
    expect(existsSync(elsewhere)).toBe(false);
  });
});

function commandLinesOf(part: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(part));
}

function listFiles(root: string): string[] {
  try {
    return readdirSync(root).map((name) => path.join(root, name));
  } catch {
    return [];
  }
}
