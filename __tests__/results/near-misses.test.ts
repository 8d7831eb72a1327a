import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findNearMisses, nameFormat } from '../../src/results/near-misses.ts';

test.each([
  ['<?xml version="1.0"?>\n<!-- a -->\n<test-run id="1">', '.xml', ['an NUnit report', true]],
  ['\ufeff<?xml version="1.0"?><TestRun id="1">', '.trx', ['a TRX report of .NET', true]],
  ['<assemblies/>', '.xml', ['an xUnit.net report', true]],
  ['<robot generator="x">', '.xml', ['the output of Robot Framework', true]],
  ['<coverage version="7">', '.xml', ['a coverage report', false]],
  ['<constructor/>', '.xml', ['XML with the root <constructor>', false]],
  ['{"results": {"tool": {"name": "jest"}', '.json', ['a CTRF report', true]],
  ['{"name": "shop"}', '.json', undefined],
  ['TAP version 13\nok 1', '.tap', ['a TAP report', true]],
  ['All tests passed', '.xml', undefined],
  ['', '.xml', undefined],
])('what %j is', (begin, extension, expected) => {
  expect(nameFormat(begin, extension)).toEqual(expected);
});

test('files in place of a report are named, readable formats first', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'near-misses-'));
  try {
    mkdirSync(path.join(root, 'a'));
    writeFileSync(path.join(root, 'coverage.xml'), '<coverage/>');
    writeFileSync(path.join(root, 'a', 'TestResults.trx'), Buffer.from('\ufeff<TestRun/>', 'utf16le'));
    writeFileSync(path.join(root, 'notes.txt'), '<testsuites/>');
    expect(await findNearMisses(root, new AbortController().signal)).toEqual([
      { file: 'a/TestResults.trx', what: 'a TRX report of .NET', isReadable: true },
      { file: 'coverage.xml', what: 'a coverage report', isReadable: false },
    ]);
    expect(await findNearMisses(path.join(root, 'nothing'), new AbortController().signal)).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
