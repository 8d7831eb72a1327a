import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeProgramEnd, pipePrograms, runProgram } from '../../src/tools/run-program.ts';
import { liveBytes } from '../support/live-bytes.ts';

const never = new AbortController().signal;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-program-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const sh = (script: string, ...args: string[]): [string, string[]] => ['sh', ['-c', script, 'sh', ...args]];
const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]];

const call = ([command, args]: [string, string[]]) => ({ command, args });

/** True while the process runs; one that only waits to be reaped does not. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a program whose stdout is taken byte for byte', () => {
  test('is waited for until a slow taker has all of it', async () => {
    let bytes = 0;
    const stdout = new Writable({
      write(chunk: Buffer, _, done) {
        bytes += chunk.length;
        setTimeout(done, 20);
      },
    });
    const run = await runProgram(...sh('head -c 3000000 /dev/zero; echo said >&2'), { signal: never, stdout });
    expect(run).toMatchObject({ exitCode: 0, stdout: '', stderr: 'said\n', error: null });
    expect(bytes).toBe(3_000_000);
    expect(stdout.writableFinished).toBe(true);
  });

  test('is ended when the receiver of its output fails, with the reason', async () => {
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(new Error('the disk is full')),
    });
    const run = await runProgram(...sh('yes'), { signal: never, stdout });
    expect(run.exitCode).not.toBe(0);
    expect(run.error).toBe('stdout of sh cannot be taken: the disk is full');
  });
});

describe('a program that ends by itself', () => {
  test('gives its status, its streams and its lines, the last one without a newline included', async () => {
    const lines: string[] = [];
    const run = await runProgram(...sh('printf "a\\r\\nb"; printf "c\\n\\nd" >&2; exit 3'), {
      signal: never,
      onLine: (line, stream) => lines.push(`${stream} ${line}`),
    });
    expect(run).toMatchObject({ exitCode: 3, signal: null, stdout: 'a\r\nb', stderr: 'c\n\nd', error: null });
    expect(lines.sort()).toEqual(['stderr ', 'stderr c', 'stderr d', 'stdout a', 'stdout b']);
    expect(describeProgramEnd(run)).toBe('exit status 3');
  });

  test('gets its arguments as they are, without a shell', async () => {
    const run = await runProgram('printf', ['%s|', '$(id)', 'a b', '; rm -rf /', ''], { signal: never });
    expect(run.stdout).toBe('$(id)|a b|; rm -rf /||');
  });

  test('by a signal is reported by its name', async () => {
    const run = await runProgram(...sh('kill -SEGV $$'), { signal: never });
    expect(run).toMatchObject({ exitCode: null, signal: 'SIGSEGV', aborted: false, timedOut: false });
    expect(describeProgramEnd(run)).toBe('killed by SIGSEGV');
  });

  test('is not waited for by way of a grandchild that holds its stdout', async () => {
    const run = await runProgram(...sh('sleep 30 & echo $!'), { signal: never });
    const pid = Number(run.stdout);
    expect(run.exitCode).toBe(0);
    expect(run.seconds).toBeLessThan(15);
    expect(isRunning(pid)).toBe(true);
    process.kill(pid);
  });

  test('is read for as long as a grandchild writes to it', async () => {
    // In one process, which writes as often as it can.
    const talk = '$| = 1; for (1 .. 5) { select undef, undef, undef, 0.04; print "$_\\n" } exec "sleep", "30"';
    const run = await runProgram(...sh('perl -e "$1" & echo $!', talk), { signal: never });
    const [pid, ...rest] = run.stdout.trim().split('\n');
    process.kill(Number(pid));
    expect(rest).toEqual(['1', '2', '3', '4', '5']);
  });

  test('loses nothing of what it wrote just before its end', async () => {
    const run = await runProgram(...node('process.stdout.write("x".repeat(60000)); process.exit(0)'), {
      signal: never,
    });
    expect(run.stdout.length).toBe(60_000);
  });

  test('and whose environment, directory and stdin are given has them', async () => {
    const run = await runProgram(...sh('pwd -P; echo "$ONE-$HOME"; cat'), {
      signal: never,
      cwd: folder,
      env: { ONE: '1', HOME: undefined },
      stdin: Readable.from(['in', 'put']),
    });
    expect(run.stdout).toBe(`${folder}\n1-\ninput`);
  });

  test('without having read its stdin is judged only by its status', async () => {
    const run = await runProgram(...sh('exit 0'), { signal: never, stdin: Readable.from(['x'.repeat(10_000_000)]) });
    expect(run).toMatchObject({ exitCode: 0, error: null });
  });

  test('after 100 MB of output leaves its head and its tail in bounded memory', { timeout: 60_000 }, async () => {
    const before = liveBytes();
    let peakBytes = 0;
    let lines = 0;
    const run = await runProgram(...sh('echo first; yes "$1" | head -n 1000000; echo last', 'y'.repeat(99)), {
      signal: never,
      maxCapturedBytes: 1000,
      onLine: () => {
        lines++;
        if (lines % 50_000 === 0) peakBytes = Math.max(peakBytes, liveBytes());
      },
    });
    expect(run.exitCode).toBe(0);
    expect(lines).toBe(1_000_002);
    expect(run.stdout.startsWith('first\nyyy')).toBe(true);
    expect(run.stdout.endsWith('yyy\nlast\n')).toBe(true);
    expect(run.omittedBytes).toEqual({ stdout: 100_000_011 - 1000, stderr: 0 });
    expect(run.stdout).toContain(`… ${100_000_011 - 1000} bytes left out …`);
    expect(peakBytes - before).toBeLessThan(30_000_000);
  });

  test('with a line without an end hands it over in pieces', async () => {
    const lengths: number[] = [];
    await runProgram(...sh('head -c 300000 /dev/zero | tr "\\0" x'), {
      signal: never,
      onLine: (line) => lengths.push(line.length),
    });
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(300_000);
    expect(Math.max(...lengths)).toBe(65_536);
  });

  test('keeps a character whole that arrives in two chunks', async () => {
    const lines: string[] = [];
    await runProgram(
      ...node(
        'process.stdout.write(Buffer.from([0xe2,0x82]));setTimeout(()=>process.stdout.write(Buffer.from([0xac])),100)',
      ),
      {
        signal: never,
        onLine: (line) => lines.push(line),
      },
    );
    expect(lines).toEqual(['€']);
  });

  test.each([[9], [10], [11], [12], [15], [16], [23], [40]])(
    'captures exactly the ends of %i bytes in 10',
    async (length) => {
      const text = Array.from({ length }, (_, index) => String.fromCharCode(65 + index)).join('');
      const run = await runProgram(...sh('for c in "$@"; do printf %s "$c"; done', ...text), {
        signal: never,
        maxCapturedBytes: 10,
      });
      const whole = `${text.slice(0, 5)}\n… ${length - 10} bytes left out …\n${text.slice(-5)}`;
      expect(run.stdout).toBe(length <= 10 ? text : whole);
    },
  );
});

describe('a program that does not start', () => {
  test.each([
    ['no-such-program', undefined, 'no-such-program is not on the PATH'],
    ['/no/such/program', undefined, 'there is no program /no/such/program'],
    ['sh', '/no/such/directory', 'sh cannot be started: there is no directory /no/such/directory'],
    ['/etc/passwd', undefined, '/etc/passwd cannot be started: spawn /etc/passwd EACCES'],
  ])('is a value: %s in %s', async (command, cwd, error) => {
    const run = await runProgram(command, [], { signal: never, ...(cwd === undefined ? {} : { cwd }) });
    expect(run).toMatchObject({ exitCode: null, signal: null, error });
    expect(describeProgramEnd(run)).toBe(error);
  });

  test('because an argument is impossible is a value too', async () => {
    const long = await runProgram('true', ['x'.repeat(3_000_000)], { signal: never });
    expect(long.error).toBe('true cannot be started: spawn E2BIG');
    const nul = await runProgram('true', ['a\0b'], { signal: never });
    expect(nul.error).toContain('null bytes');
  });

  test('because it is too late does nothing', async () => {
    const file = join(folder, 'made');
    const run = await runProgram('touch', [file], { signal: AbortSignal.abort() });
    expect(run).toMatchObject({ exitCode: null, aborted: true });
    expect(existsSync(file)).toBe(false);
  });
});

describe('a program that is ended', () => {
  test('by its deadline is reported as such', async () => {
    const run = await runProgram('sleep', ['30'], { signal: never, timeoutSeconds: 0.2 });
    expect(run).toMatchObject({ exitCode: null, signal: 'SIGTERM', timedOut: true, aborted: false });
    expect(run.seconds).toBeLessThan(15);
    expect(describeProgramEnd({ ...run, seconds: 60.1 })).toBe('no end within 60 s');
  });

  test('by its deadline has not succeeded, even when it ends with status 0', async () => {
    const script = 'trap "echo tidy; exit 0" TERM; sleep 30 & wait';
    const run = await runProgram(...sh(script), { signal: never, timeoutSeconds: 1.5 });
    expect(run).toMatchObject({ exitCode: null, timedOut: true, stdout: 'tidy\n' });
  });

  test('by an abort takes its grandchildren along, those too that ignore SIGTERM', async () => {
    const abort = new AbortController();
    const pids: number[] = [];
    const script = 'sh -c \'trap "" TERM; echo $$; while :; do sleep 0.1; done\' & echo $$; wait';
    const run = await runProgram(...sh(script), {
      signal: abort.signal,
      graceSeconds: 0.5,
      onLine: (line) => {
        pids.push(Number(line));
        if (pids.length === 2) abort.abort();
      },
    });
    expect(run).toMatchObject({ exitCode: null, aborted: true, timedOut: false });
    expect(pids).toHaveLength(2);
    expect(run.seconds).toBeGreaterThanOrEqual(0.5);
    await expect.poll(() => pids.filter(isRunning), { timeout: 10_000 }).toEqual([]);
  });

  test('by an abort while it ignores SIGTERM is killed after the grace', async () => {
    const abort = new AbortController();
    const run = await runProgram(...sh('trap "" TERM; echo ready; while :; do sleep 0.1; done'), {
      signal: abort.signal,
      graceSeconds: 0.3,
      onLine: () => abort.abort(),
    });
    expect(run).toMatchObject({ signal: 'SIGKILL', aborted: true });
    expect(run.seconds).toBeLessThan(15);
  });

  test('because the reader of its lines throws hands on what was thrown', async () => {
    let pid = 0;
    const running = runProgram(...sh('echo $$; exec sleep 30'), {
      signal: never,
      onLine: (line) => {
        pid = Number(line);
        throw new Error('no more');
      },
    });
    await expect(running).rejects.toThrow('no more');
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  });

  test('because its input broke off has not succeeded', async () => {
    const broken = new PassThrough();
    const run = runProgram(...sh('cat >/dev/null; exit 0'), { signal: never, stdin: broken });
    broken.write('half');
    broken.destroy(new Error('disk gone'));
    expect(await run).toMatchObject({ exitCode: null, error: 'the input of sh broke off: disk gone' });
    const closed = new PassThrough();
    const second = runProgram(...sh('cat >/dev/null; exit 0'), { signal: never, stdin: closed });
    closed.write('half');
    closed.destroy();
    expect((await second).error).toContain('the input of sh broke off');
  });
});

describe('a pipe of programs', () => {
  test('carries bytes from one to the next and captures the end', async () => {
    const pipe = await pipePrograms(
      [call(sh('head -c 50000000 /dev/zero; echo from-a >&2')), call(sh('tr "\\0" x')), call(sh('wc -c'))],
      { signal: never, timeoutSeconds: 60 },
    );
    expect(pipe).toMatchObject({ ok: true, culprit: null });
    expect(pipe.runs.map((run) => run.exitCode)).toEqual([0, 0, 0]);
    expect(pipe.runs[0]!.stderr).toBe('from-a\n');
    expect(pipe.runs[2]!.stdout.trim()).toBe('50000000');
  });

  test('tells how much its first program has written, which it does past us', async () => {
    const seen = join(folder, 'seen');
    const reader = 'head -c 1000000 >/dev/null; until [ -e "$1" ]; do sleep 0.05; done';
    const counts: number[] = [];
    const onBytes = (bytes: number) => {
      counts.push(bytes);
      if (bytes >= 1_000_000) writeFileSync(seen, '');
    };
    await pipePrograms([call(['yes', []]), call(sh(reader, seen))], { signal: never, timeoutSeconds: 60, onBytes });
    expect(counts.at(-1)).toBeGreaterThanOrEqual(1_000_000);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });

  test('fails when the writer fails, although the reader is content with what it got', async () => {
    const pipe = await pipePrograms([call(sh('echo half; echo no space >&2; exit 4')), call(sh('cat >/dev/null'))], {
      signal: never,
    });
    expect(pipe.ok).toBe(false);
    expect(pipe.culprit?.run).toMatchObject({ exitCode: 4, stderr: 'no space\n' });
  });

  test('fails when the reader fails, and ends a writer without end', async () => {
    const pipe = await pipePrograms([call(['yes', []]), call(sh('head -c 10 >/dev/null; echo bad tar >&2; exit 5'))], {
      signal: never,
    });
    expect(pipe.ok).toBe(false);
    expect(pipe.culprit).toMatchObject({ call: { command: 'sh' }, run: { exitCode: 5, stderr: 'bad tar\n' } });
    expect(pipe.seconds).toBeLessThan(15);
  });

  test('fails when the reader ends well before the writer has written all', async () => {
    const pipe = await pipePrograms([call(['yes', []]), call(['true', []])], { signal: never });
    expect(pipe.ok).toBe(false);
    expect(pipe.culprit).toMatchObject({ call: { command: 'yes' } });
  });

  test('ends a silent writer when the reader is killed', async () => {
    const pipe = await pipePrograms([call(['sleep', ['30']]), call(sh('kill -KILL $$'))], { signal: never });
    expect(pipe.culprit).toMatchObject({ call: { command: 'sh' }, run: { signal: 'SIGKILL' } });
    expect(pipe.runs[0]).toMatchObject({ signal: 'SIGTERM', aborted: true });
    expect(pipe.seconds).toBeLessThan(15);
  });

  test('fails when there is no writer, and gives the reader no empty input instead', async () => {
    const file = join(folder, 'made-of-nothing');
    const pipe = await pipePrograms([call(['no-such-program', []]), call(sh('cat; : > "$1"', file))], {
      signal: never,
    });
    expect(pipe.culprit?.run.error).toBe('no-such-program is not on the PATH');
    expect(pipe.runs[1]).toMatchObject({ exitCode: null, aborted: true });
    expect(existsSync(file)).toBe(false);
  });

  test('fails when there is no reader', async () => {
    const pipe = await pipePrograms([call(['yes', []]), call(['no-such-program', []])], { signal: never });
    expect(pipe.culprit?.run.error).toBe('no-such-program is not on the PATH');
    expect(pipe.seconds).toBeLessThan(15);
  });

  test('ends as a whole by the signal and by the deadline', async () => {
    const calls = [call(['yes', []]), call(sh('cat >/dev/null'))];
    const timed = await pipePrograms(calls, { signal: never, timeoutSeconds: 0.2 });
    expect(timed).toMatchObject({ ok: false, culprit: { run: { timedOut: true } } });
    const aborted = await pipePrograms(calls, { signal: AbortSignal.timeout(200) });
    expect(aborted).toMatchObject({ ok: false, culprit: { run: { aborted: true } } });
  });

  test('runs at the speed of its slowest program, without buffering', async () => {
    const before = liveBytes();
    let peakBytes = 0;
    const clock = setInterval(() => {
      peakBytes = Math.max(peakBytes, liveBytes());
    }, 50);
    const pipe = await pipePrograms([call(sh('head -c 200000000 /dev/zero')), call(sh('sleep 0.5; wc -c'))], {
      signal: never,
    });
    expect(pipe.runs[1]!.stdout.trim()).toBe('200000000');
    clearInterval(clock);
    expect(peakBytes).toBeGreaterThan(0);
    expect(peakBytes - before).toBeLessThan(30_000_000);
  });
});
