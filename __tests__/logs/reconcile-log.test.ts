import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { SecretMask } from '../../src/core/secret-mask.ts';
import { reconcileLog } from '../../src/logs/reconcile-log.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'reconcile-'));
let count = 0;

/** Reconciles a file of this content (undefined: there is none) with a node that hands out these chunks. */
async function reconcile(
  ours: string | undefined,
  chunks: string[],
  problem = '',
  notice = '',
  { secrets = [], logBytes }: { secrets?: string[]; logBytes?: number } = {},
) {
  count += 1;
  const file = path.join(directory, `${count}.log`);
  if (ours !== undefined) writeFileSync(file, ours + notice);
  const read = async (onChunk: (chunk: Buffer) => Promise<void>) => {
    for (const chunk of chunks) await onChunk(Buffer.from(chunk));
    return problem;
  };
  const end = await reconcileLog(file, logBytes ?? ours?.length ?? 0, read, new SecretMask(secrets));
  expect(readdirSync(directory).filter((name) => name.endsWith('.node'))).toEqual([]);
  return {
    kind: end.kind,
    nodeBytes: end.nodeBytes,
    content: existsSync(file) ? readFileSync(file, 'utf8') : undefined,
  };
}

describe('a log that is held against the node', () => {
  test('stays when it is the same', async () => {
    const long = 'x'.repeat(200_000);
    expect(await reconcile(long, [long.slice(0, 70_000), '', long.slice(70_000)])).toEqual({
      kind: 'equal',
      nodeBytes: 200_000,
      content: long,
    });
    expect(await reconcile('', [])).toMatchObject({ kind: 'equal', content: '' });
  });

  test('becomes what the node has, from the first difference on', async () => {
    expect(await reconcile('one\n[gap]\nthree\n', ['one\ntw', 'o\n', 'three\n'])).toEqual({
      kind: 'replaced',
      nodeBytes: 14,
      content: 'one\ntwo\nthree\n',
    });
    expect(await reconcile('one\n', ['one\n', 'two\n'])).toMatchObject({ kind: 'replaced', content: 'one\ntwo\n' });
    expect(await reconcile('Xne\n', ['one\n'])).toMatchObject({ kind: 'replaced', content: 'one\n' });
  });

  test('loses our words on what it lacks at its end, when the node shows that it lacks nothing', async () => {
    const notice = '[not complete]\n';
    expect(await reconcile('one\n', ['one\n'], '', notice)).toMatchObject({ kind: 'replaced', content: 'one\n' });
    expect(await reconcile('one\n', ['one\n', 'two\n'], '', notice)).toMatchObject({ content: 'one\ntwo\n' });
    expect(await reconcile('one\ntwo\n', ['one\n'], '', notice)).toMatchObject({
      kind: 'ahead',
      content: `one\ntwo\n${notice}`,
    });
  });

  test('is made where there was none', async () => {
    expect(await reconcile(undefined, ['one\n', 'two\n'])).toMatchObject({ kind: 'replaced', content: 'one\ntwo\n' });
    expect(await reconcile(undefined, [])).toMatchObject({ kind: 'replaced', content: '' });
  });

  test('keeps what the node does not have any more at its end', async () => {
    expect(await reconcile('one\ntwo\n', ['one\n'])).toMatchObject({ kind: 'ahead', content: 'one\ntwo\n' });
  });

  test('is left alone when the node breaks off', async () => {
    expect(await reconcile('one\nX', ['one\ntwo'], 'it went away')).toMatchObject({
      kind: 'failed',
      content: 'one\nX',
    });
    expect(await reconcile(undefined, ['one\n'], 'it went away')).toMatchObject({ kind: 'failed', content: undefined });
  });
});

test('a secret in what a node has never reaches the disk, and a masked log that is whole stays', async () => {
  const secrets = ['hunter2-secret'];
  const node = ['a hunter2-', 'secret b\n', 'more\n'];
  const logBytes = node.join('').length;
  expect(await reconcile('a *** b\nmore\n', node, '', '', { secrets, logBytes })).toMatchObject({
    kind: 'equal',
    content: 'a *** b\nmore\n',
  });
  expect(await reconcile('a *** b\n', node, '', '[gap]\n', { secrets, logBytes: 19 })).toMatchObject({
    kind: 'replaced',
    content: 'a *** b\nmore\n',
  });
});
