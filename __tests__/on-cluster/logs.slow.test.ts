import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, inject, test } from 'vitest';
import { runOnSharedCluster, type SharedRun } from './run-on-shared-cluster.ts';

/** The log of the test container, on the runner. */
function readTestLog(run: SharedRun): Buffer {
  const [log] = run.report.logs.filter((one) => one.container === 'test-runner');
  return readFileSync(path.join(run.dir.root, log!.path));
}

/** Names of the files in which the node keeps the log of the test container. */
function listNodeFiles(run: SharedRun): string[] {
  const [node] = inject('cluster').nodes;
  const namespace = run.onDisk.cluster?.namespace;
  const script = `ls /var/log/pods/${namespace}_integration-tests-*/test-runner`;
  return execFileSync('docker', ['exec', node!, 'bash', '-c', script], { encoding: 'utf8' }).trim().split('\n');
}

/** A script that runs this Python, which writes to `out` and leaves all that it wrote in /results/truth, too. */
const writing = (body: string) => `cat > /tmp/write.py <<'PY'
import os, time
truth = open("/results/truth", "wb")
def out(data):
    truth.write(data)
    while data: data = data[os.write(1, data):]
${body}
truth.close()
PY
python3 /tmp/write.py`;

function expectWhole(run: SharedRun): void {
  const truth = readFileSync(path.join(run.dir.results, 'truth'));
  // containerd 1 drops the carriage return of a line that ends with CRLF: what the node never had cannot be collected.
  const asKept = Buffer.from(truth.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
  const log = readTestLog(run);
  expect([truth.length, asKept.length]).toContain(log.length);
  expect(log.equals(log.length === truth.length ? truth : asKept)).toBe(true);
  expect(run.onDisk.warnings).toEqual([]);
}

test('fault 8: a log of odd bytes is on the disk as it was written, and readable on the console', async () => {
  const run = await runOnSharedCluster({
    keepNamespace: true,
    script: writing(`
out(b"same\\n" * 3000)
out(b"carriage return\\r\\n\\r\\n" + b"\\x1b[31mred\\x1b[0m\\n" + b"::error::forged\\n##[group]forged\\n")
out(bytes(range(256)) * 40 + b"\\n")
out(b"\\xff\\xfe\\xc3 is no UTF-8, \\xf0\\x9f\\x98\\x80 is\\n")
out(b"x" * 5_000_000 + b"\\n")
out(b"no newline at the end")`),
  });
  expectWhole(run);
  expect(run.printed.filter((line) => line === 'same')).toHaveLength(3000);
  expect(run.printed).toContain('carriage return');
  expect(run.printed).toContain('\ufffd\ufffd\ufffd is no UTF-8, \u{1f600} is');
  // More than a console takes came with the long line: the last one is only in the file.
  expect(run.printed.find((line) => line.startsWith('xxx'))).toHaveLength(4001);
  expect(run.printed).not.toContain('no newline at the end');
  expect(run.printed).toContainEqual(
    expect.stringMatching(/^… the log continues: all of it is in .*test-runner\.log$/),
  );
});

test('fault 8: a log is whole through the rotation of its file at 10 MiB, in a burst and after silence', async () => {
  const run = await runOnSharedCluster({
    keepNamespace: true,
    script: writing(`
# The kubelet looks every 10 s for files above 10 MiB: bursts straddle its looks, with silence between them.
number = 0
for burst in range(5):
    for i in range(60_000):
        out(b"line %d of a log that is rotated while it is written, and read meanwhile\\n" % number)
        number += 1
    time.sleep(4)`),
  });
  expectWhole(run);
  expect(listNodeFiles(run).length).toBeGreaterThan(1);
  const lines = readTestLog(run).toString().split('\n');
  expect(lines.length).toBe(300_001);
  expect(lines[299_999]).toMatch(/^line 299999 of/);
});
