import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { connect } from '../../src/kube/connection.ts';
import { captureLog } from '../../src/logs/capture-log.ts';
import { createLogServer, formatTimestamp, NodeLog } from '../kube/log-server.ts';
import { listen, writePlainKubeconfig } from '../kube/loopback-kubeconfig.ts';
import { SeededRandom } from '../kube/seeded-random.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'capture-'));
const epoch = 1_800_000_000;

/** Captures a log from a real server. */
async function capture(log: NodeLog, { onQuoted = (_line: string) => {}, isRestElsewhere = false } = {}) {
  const server = createLogServer(new Map([['p', log]]), new SeededRandom(1));
  const connection = connect({ kubeconfigPath: await writePlainKubeconfig(await listen(server)) });
  onTestFinished(async () => {
    await connection.close();
    server.closeAllConnections();
    server.close();
  });
  const file = path.join(mkdtempSync(path.join(directory, 'log-')), 'p', 'c.log');
  const shown: string[] = [];
  const captured = await captureLog({
    connection,
    namespace: 'n',
    pod: 'p',
    container: 'c',
    file,
    mask: new SecretMask([]),
    quote: (line) => {
      shown.push(line);
      onQuoted(line);
    },
    onOutage: () => undefined,
    signal: new AbortController().signal,
    ended: () => log.hasEnded,
    giveUpSeconds: 5,
    isRestElsewhere,
  });
  return { ...captured, shown, file, content: readFileSync(file, 'utf8') };
}

/** A log that is over, of these lines. */
function logOf(...lines: string[]): NodeLog {
  const log = new NodeLog();
  for (const [i, line] of lines.entries())
    log.append({ epochSeconds: epoch, nanoseconds: i + 1, bytes: Buffer.from(line), startsLine: true });
  log.end();
  return log;
}

describe('the console', () => {
  test('shows lines without their ends, and the last one that has none', async () => {
    const { shown, content } = await capture(logOf('one\r\n', '\n', 'two'));
    expect(shown).toEqual(['one', '', 'two']);
    expect(content).toBe('one\r\n\ntwo');
  });

  test('cuts a long line, which the file has whole', async () => {
    const { shown, content } = await capture(logOf(`${'x'.repeat(10_000)}\n`, 'after\n'));
    expect(shown).toEqual([`${'x'.repeat(4000)}…`, 'after']);
    expect(content).toHaveLength(10_007);
  });

  test.each([
    ['many lines', Array.from({ length: 60_000 }, () => 'line\n'), 50_001],
    ['many bytes', Array.from({ length: 100 }, () => `${'x'.repeat(50_000)}\n`), 84],
  ])('ends after %s with a pointer to the file, which goes on', async (_, lines, expected) => {
    const { shown, content, file } = await capture(logOf(...lines));
    expect(Math.abs(shown.length - expected)).toBeLessThan(3);
    expect(shown.at(-1)).toBe(`… the log continues: all of it is in ${file}`);
    expect(content).toBe(lines.join(''));
  });

  test('has all that it shows when the rest of an ended log comes from elsewhere', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`);
    const { shown, content, gaps } = await capture(logOf(...lines), { isRestElsewhere: true });
    expect(shown).toHaveLength(50_001);
    expect(content.split('\n').length).toBeLessThan(100_000);
    expect(gaps).toEqual(['following the log was stopped before its end']);
    const [log] = content.split('[k8s-test-action: ');
    expect(lines.join('').startsWith(log!)).toBe(true);
  });

  test('receives a log to its end while its container runs, wherever its rest could come from', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) => `line ${i}\n`);
    const log = logOf(...lines);
    log.hasEnded = false;
    let left = 60_000;
    const onQuoted = () => {
      left -= 1;
      if (left === 10_001) setTimeout(() => log.end(), 500);
    };
    const { content, gaps } = await capture(log, { onQuoted, isRestElsewhere: true });
    expect(gaps).toEqual(['following the log was stopped before its end']);
    expect(content.startsWith(lines.join(''))).toBe(true);
  });
});

test('a log notes in its file where lines may be missing, and why', async () => {
  const log = logOf('one\n', 'half a line that was cut');
  log.hasEnded = false;
  log.faults.push({ kind: 'cut', afterBytes: 2 * 31 + 4 + 6 });
  let isRotated = false;
  const onQuoted = () => {
    if (isRotated) return;
    isRotated = true;
    log.fileStart = log.pieces.length;
    log.append({ epochSeconds: epoch + 1, nanoseconds: 0, bytes: Buffer.from('after\n'), startsLine: true });
    log.end();
  };
  const end = await capture(log, { onQuoted });
  const [first, second, third] = [...log.pieces.keys()].map((i) => formatTimestamp(log.pieces[i]!));
  expect(first).not.toBe(second);
  expect(end.content).toBe(
    `one\nhalf a\n[k8s-test-action: the log is not complete here: the log was rotated (or its container restarted) while the connection was lost: lines between ${second} and ${third} may be missing]\nafter\n`,
  );
  expect(end.gaps).toHaveLength(1);
});
