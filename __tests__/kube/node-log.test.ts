import { describe, expect, test } from 'vitest';
import { groupNodeLogs, NodeLogDecoder } from '../../src/logs/node-log.ts';
import { SeededRandom } from './seeded-random.ts';

const pod = '/var/log/pods/test-1_integration-tests-x7k_0f6b';
const kept = '/var/log/k8s-test-1/test-1_integration-tests-x7k_0f6b';
const at = (seconds: number) => `2026-11-24T13:35:${String(seconds).padStart(2, '0')}.041294077Z`;

describe('groupNodeLogs', () => {
  test('puts the files of a log in the order in which they were written, independent of their names', () => {
    const [log, ...others] = groupNodeLogs([
      { path: `${kept}/tests/0.77`, first: at(20) },
      { path: `${kept}/tests/0.12`, first: at(3) },
      { path: `${kept}/tests/0.99`, first: at(10) },
    ]);
    expect(others).toEqual([]);
    expect(log).toMatchObject({ pod: 'integration-tests-x7k', podUid: '0f6b', container: 'tests', run: 0 });
    expect(log?.paths).toEqual([`${kept}/tests/0.12`, `${kept}/tests/0.99`, `${kept}/tests/0.77`]);
  });

  test('takes a file once that is listed under several names, and one that was only compressed', () => {
    const [log] = groupNodeLogs([
      { path: `${kept}/tests/0.12`, first: at(10) },
      { path: `${pod}/tests/0.log`, first: at(20) },
      { path: `${pod}/tests/0.log.20261124-133519`, first: at(10) },
      { path: `${pod}/tests/0.log.20261124-133509.gz`, first: at(3) },
    ]);
    expect(log?.paths).toEqual([`${pod}/tests/0.log.20261124-133509.gz`, `${kept}/tests/0.12`, `${pod}/tests/0.log`]);
  });

  test('separates runs and containers, and lists one that wrote nothing', () => {
    const logs = groupNodeLogs([
      { path: `${pod}/tests/0.log`, first: at(1) },
      { path: `${pod}/proxy/10.log`, first: at(2) },
      { path: `${pod}/proxy/9.log`, first: '' },
      { path: '', first: '' },
    ]);
    expect(logs.map(({ container, run, paths }) => [container, run, paths.length])).toEqual([
      ['tests', 0, 1],
      ['proxy', 10, 1],
      ['proxy', 9, 0],
    ]);
  });

  test('orders instants whose last zeros were left out', () => {
    const [log] = groupNodeLogs([
      { path: `${pod}/tests/0.log`, first: '2026-11-24T13:35:01.1Z' },
      { path: `${pod}/tests/0.log.20261124-133501`, first: '2026-11-24T13:35:01.099999999Z' },
    ]);
    expect(log?.paths[0]).toContain('20261124');
  });
});

/** The output of a decoder for a file that arrives in chunks of any size. */
function decode(file: Buffer, chunkSize: () => number): { content: string; damagedBytes: number } {
  const decoder = new NodeLogDecoder();
  const parts: Buffer[] = [];
  for (let from = 0; from < file.length; ) {
    const to = Math.min(file.length, from + chunkSize());
    parts.push(Buffer.from(decoder.push(Buffer.from(file.subarray(from, to)))));
    from = to;
  }
  return { content: Buffer.concat(parts).toString('latin1'), damagedBytes: decoder.damagedBytes };
}

describe('NodeLogDecoder', () => {
  test('gives back what the container wrote, wherever the chunks are cut', () => {
    const random = new SeededRandom(7);
    const rubbish = Buffer.from(Array.from({ length: 3000 }, () => random.below(256)).filter((byte) => byte !== 0x0a));
    const records: [string, Buffer][] = [
      ['stdout F', Buffer.from('one')],
      ['stderr F', Buffer.from('')],
      ['stdout P', rubbish],
      ['stdout P', Buffer.from(' stdout F ')],
      ['stdout F', Buffer.from('end of a long line\r')],
      ['stdout F', Buffer.from('same')],
      ['stdout F', Buffer.from('same')],
      ['stderr P', Buffer.from('no newline')],
    ];
    const file = Buffer.concat(
      records.flatMap(([tag, bytes]) => [Buffer.from(`${at(1)} ${tag} `), bytes, Buffer.from('\n')]),
    );
    const expected = Buffer.concat(
      records.map(([tag, bytes]) => (tag.endsWith('F') ? Buffer.concat([bytes, Buffer.from('\n')]) : bytes)),
    ).toString('latin1');
    for (const size of [1, 2, 7, 63, 64, 65, 100_000])
      expect(decode(file, () => size)).toEqual({ content: expected, damagedBytes: 0 });
    for (let i = 0; i < 50; i += 1) expect(decode(file, () => 1 + random.below(90)).content).toBe(expected);
  });

  test('counts invalid records, and continues with the next', () => {
    const file = Buffer.from(`${'\0'.repeat(200)}\n${at(1)} stdout F good\nno record\n${at(2)} stdout F too\n`);
    for (const size of [1, 50, 1000])
      expect(decode(file, () => size)).toEqual({ content: 'good\ntoo\n', damagedBytes: 209 });
  });

  test('takes what there is of a record that is still being written', () => {
    const file = Buffer.from(`${at(1)} stdout F good\n${at(2)} stdout F half`);
    expect(decode(file, () => 10).content).toBe('good\nhalf');
  });
});
