/** Facts of a run in words: for the reason and the evidence of its failure. Pure. */
import { type TestCounts, toOneLine } from '../core/outcome.ts';
import { showLog } from './explain-exit.ts';
import { type ContainerEnd, type ReconstructedFacts, sumReports, type TestFacts } from './test-facts.ts';

/** 128 + SIGKILL. */
export const killedExitCode = 137;
const maxNamesShown = 3;

/** What ended the tests, in words that follow "this test was running when the run ended: ". */
export function causeOfEnd(
  facts: Pick<TestFacts, 'ranIn' | 'interruption' | 'end' | 'memoryLimit' | 'memory'>,
): string {
  if (facts.interruption !== null) return facts.interruption.reason;
  if (judgeMemory(facts) !== undefined) return killedForMemory(facts);
  return facts.end === undefined
    ? `the end of the ${nameSubject(facts)} was not observed`
    : `the ${nameSubject(facts)} ended with ${describeExit(facts.end)}`;
}

/**
 * Whether the kernel killed for memory: the whole container (or the process that it lives for), a process in it, or nothing
 * that is known. The runtime reports OOMKilled for a container when any process was killed in it, so the exit code decides
 * which; on cgroup v1 it may also miss the kill, and the kernel's own log shows it.
 */
export function judgeMemory({ end, memory }: Pick<TestFacts, 'end' | 'memory'>): 'container' | 'process' | undefined {
  const wasKilled = end?.reason === 'OOMKilled' || memory.kills.length > 0;
  if (!wasKilled) return undefined;
  return end === undefined || end.exitCode === killedExitCode ? 'container' : 'process';
}

export function killedForMemory({ memoryLimit, memory }: Pick<TestFacts, 'memoryLimit' | 'memory'>): string {
  const [kill] = memory.kills;
  const details = [
    ...(kill?.usageBytes === undefined
      ? []
      : [`${formatMebibytes(kill.usageBytes)} in use when ${kill.process} was killed`]),
    ...(memory.peakBytes === undefined ? [] : [`peak of ${formatMebibytes(memory.peakBytes)} seen before`]),
  ];
  const where =
    kill?.isNodeWide === true
      ? `: the whole node was out of memory (its own limit is ${memoryLimit})`
      : ` at its limit of ${memoryLimit}`;
  return `killed for memory${where}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

/** `; 12 of 40 tests finished (1 failed: test_b), in flight: test_x, 27 not run`, or nothing when no test is known. */
export function describeProgress({ reconstructed, failedNames }: TestFacts, counts: TestCounts): string {
  const { inFlight = [], notRun = 0 } = reconstructed ?? {};
  const finished = counts.total - inFlight.length;
  if (counts.total === 0 && reconstructed?.collected === undefined) return '';
  const collected = reconstructed?.collected;
  const of = collected === undefined || collected < finished ? '' : ` of ${collected}`;
  const failed = counts.failed + counts.errors - inFlight.length;
  return [
    `; ${finished}${of} tests finished`,
    failed > 0 ? ` (${failed} failed: ${listTestNames(failedNames)})` : '',
    inFlight.length > 0 ? `, in flight: ${listTestNames(inFlight)}` : '',
    notRun > 0 ? `, ${notRun} not run` : '',
  ].join('');
}

export function countFailed(counts: TestCounts): string {
  return `${counts.failed + counts.errors} of ${counts.total} tests failed`;
}

export function listTestNames(names: readonly string[]): string {
  const shown = names.slice(0, maxNamesShown).map((name) => toOneLine(name, 120));
  return `${shown.join(', ')}${names.length > maxNamesShown ? ', …' : ''}`;
}

export function nameSubject({ ranIn }: Pick<TestFacts, 'ranIn'>): string {
  return ranIn === 'command' ? 'command of the tests' : 'test container';
}

export function describeExit(end: ContainerEnd): string {
  const number = end.signal !== undefined && end.signal > 0 ? end.signal : end.exitCode - 128;
  const signal = end.exitCode > 128 && end.exitCode < 160 ? ` (signal ${number})` : '';
  return `exit code ${end.exitCode}${signal}`;
}

export function evidenceOf(facts: TestFacts): string[] {
  const { end, reconstructed, memory } = facts;
  const shown = sumReports(facts.reports);
  const subject = nameSubject(facts);
  const word = end?.reason === undefined ? '' : `, ${end.reason}`;
  return [
    end === undefined ? `${subject}: end not seen` : `${subject}: ${describeExit(end)}${word}`,
    ...memory.kills.map(
      ({ process, usageBytes }) =>
        `kernel of the node: killed ${process} for memory in the test container${usageBytes === undefined ? '' : `, with ${formatMebibytes(usageBytes)} in use`}`,
    ),
    ...(memory.peakBytes === undefined
      ? []
      : [`memory: peak of ${formatMebibytes(memory.peakBytes)} seen, limit ${facts.memoryLimit}`]),
    ...facts.reports.map(
      ({ file, counts }) =>
        `${file}: ${counts.total} tests, ${counts.failed} failed, ${counts.errors} errors, ${counts.skipped} skipped`,
    ),
    ...facts.unreadable.map(({ file, reason }) => `${file}: ${reason}`),
    ...facts.stale.map((file) => `${file}: older than this run`),
    ...(reconstructed === undefined
      ? []
      : [
          `reconstructed from ${reconstructed.source}: ${reconstructed.counts.total - reconstructed.inFlight.length} tests finished, ${reconstructed.counts.failed + reconstructed.counts.errors - reconstructed.inFlight.length} of them failed`,
          ...(reconstructed.inFlight.length === 0
            ? []
            : [`in flight: ${reconstructed.inFlight.slice(0, 10).join(', ')}`]),
          ...describeNotRun(reconstructed),
        ]),
    ...facts.logGaps,
    ...(facts.interruption === null && shown.failed + shown.errors === 0 ? showLog(facts.tool) : []),
  ];
}

function describeNotRun({ notRun, notRunNames }: ReconstructedFacts): string[] {
  if (notRun === undefined || notRun === 0) return [];
  const names = notRunNames.slice(0, 10).join(', ');
  const more = names !== '' && notRun > Math.min(notRunNames.length, 10) ? ', …' : '';
  return [`not run: ${notRun}${names === '' ? '' : `: ${names}${more}`}`];
}

export function formatMebibytes(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return `${mebibytes < 100 ? Math.round(mebibytes * 10) / 10 : Math.round(mebibytes)}Mi`;
}
