/** The run as a picture: phases, the lives of pods, and what the cluster warned of, on one axis of time. */
import type { PhaseRecord } from '../core/outcome.ts';
import type { PodStage, ReportedPod, ReportInput, TimedPhase } from '../core/report-model.ts';
import { failedTests, formatCount, formatDuration } from './describe-tests.ts';
import { type Hole, type Html, html } from './html.ts';
import { nameIncident } from './incident-story.ts';
import { toPlainLine } from './inert-text.ts';

const maxPods = 60;
const maxTicks = 500;
/** Narrower than this share of the picture nothing can be seen. */
const leastPercent = 0.4;
const wishedTicks = 6;
const steps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

const stageWords: Record<PodStage['what'], string> = {
  unplaced: 'waits for a node',
  pulling: 'pulls images',
  init: 'init containers',
  starting: 'starts',
  running: 'runs',
  ready: 'ready',
};

/** Computed times for phases without times: one after another, in the order in which they ended. */
export function placePhases(phases: readonly PhaseRecord[], from = 0): TimedPhase[] {
  let startSeconds = from;
  return phases.map((phase) => {
    const placed = { ...phase, startSeconds };
    startSeconds += phase.seconds;
    return placed;
  });
}

/** Seconds at which the axis is marked: at most `count` round ones, beginning with 0. */
export function axisTicks(endSeconds: number, count = wishedTicks): number[] {
  const step = steps.find((one) => endSeconds / one <= count) ?? Math.ceil(endSeconds / count / 3600) * 3600;
  return Array.from({ length: Math.floor(endSeconds / step) + 1 }, (_, index) => index * step);
}

/** `0:07`, `12:30`, `1:02:00`: short enough to fit under a tick of the axis. */
export function clockOf(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds % 60)];
  const pad = (part: number) => String(part).padStart(2, '0');
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

interface Bar {
  className: string;
  from: number;
  until: number;
  description: string;
}

/** The section of the page; empty when there is nothing to draw. */
export function renderTimeline(input: ReportInput): Html | undefined {
  const { verdict } = input;
  const phases = placeAll(input).filter(({ outcome }) => outcome !== 'skipped');
  if (phases.length === 0) return undefined;
  const end = Math.max(
    verdict.durationSeconds,
    ...phases.map(({ startSeconds, seconds }) => startSeconds + seconds),
    0.001,
  );
  const picture = new Picture(end, axisTicks(end));
  const begin = Date.parse(input.startedAt ?? '');
  const secondsOf = (at: string): number => (Date.parse(at) - begin) / 1000;
  // After the results were collected the pods were no longer watched.
  const results = phases.find(({ name }) => name === 'results');
  const knownUntil = results === undefined ? end : results.startSeconds + results.seconds;
  const rows = phases.map((phase) => renderPhase(picture, phase));
  const pods = Number.isNaN(begin) ? [] : (input.pods ?? []).slice(0, maxPods);
  if (pods.length > 0) {
    rows.push(html`<h3>Pods</h3>`, ...pods.map((pod) => renderPod(picture, pod, secondsOf, knownUntil)));
    const left = (input.pods ?? []).length - pods.length;
    if (left > 0) rows.push(html`<p class="empty">${formatCount(left, 'more pod')}, in cluster/.</p>`);
  }
  const ticks = renderTicks(picture, input, secondsOf);
  if (ticks.length > 0) rows.push(html`<h3>Events</h3>`, ...ticks);
  return html`<section id="timeline" aria-labelledby="timeline-title">
<h2 id="timeline-title">Timeline</h2>
<div class="timeline">
${rows}
${picture.axis()}
</div>
${pods.length > 0 ? renderLegend(pods) : ''}</section>
`;
}

/** The phases with their times, followed by those that ended after the times were recorded (the teardown). */
function placeAll({ verdict, phases }: ReportInput): TimedPhase[] {
  if (phases === undefined) return placePhases(verdict.phases);
  const timed = new Set(phases.map(({ name }) => name));
  const end = Math.max(0, ...phases.map(({ startSeconds, seconds }) => startSeconds + seconds));
  return [
    ...phases,
    ...placePhases(
      verdict.phases.filter(({ name }) => !timed.has(name)),
      end,
    ),
  ];
}

function renderPhase(picture: Picture, { name, outcome, seconds, startSeconds }: TimedPhase): Html {
  const description = `${name} ${outcome} in ${formatDuration(seconds)}, ${clockOf(startSeconds)} after the start`;
  const bar = { className: `phase ${outcome}`, from: startSeconds, until: startSeconds + seconds, description };
  return picture.row(name, picture.bars([bar]), formatDuration(seconds), description);
}

function renderPod(picture: Picture, pod: ReportedPod, secondsOf: (at: string) => number, knownUntil: number): Html {
  const bars = pod.stages.map(({ what, from, until }): Bar => {
    const [start, stop] = [secondsOf(from), until === undefined ? knownUntil : secondsOf(until)];
    const description = `${pod.name}: ${stageWords[what]} from ${clockOf(Math.max(0, start))} for ${formatDuration(Math.max(0, stop - start))}`;
    return { className: what, from: start, until: stop, description };
  });
  const marks = pod.restarts.map(({ at, what }) => picture.tick('restart', secondsOf(at), what));
  const last = pod.stages.at(-1);
  if (pod.end === 'failed' && last?.until !== undefined)
    marks.push(picture.tick('failure', secondsOf(last.until), `${pod.name} failed`));
  const state = describePod(pod, secondsOf);
  const place = pod.node === undefined ? '' : ` on ${pod.node}`;
  return picture.row(pod.name, [picture.bars(bars), marks], state, `Pod ${pod.name}${place}: ${state}`);
}

/** The state of a pod, in one or two words: `ready after 12 s`. */
function describePod({ stages, end, restarts }: ReportedPod, secondsOf: (at: string) => number): string {
  const last = stages.at(-1);
  if (last === undefined) return '';
  const first = secondsOf((stages[0] ?? last).from);
  const after = (at: string) => formatDuration(Math.max(0, secondsOf(at) - first)).replace(/\.\d+ s$/, ' s');
  const again = restarts.length > 0 ? ', restarted' : '';
  if (end === 'gone') return 'gone';
  if (end !== undefined) return `${end}${last.until === undefined ? '' : ` after ${after(last.until)}`}${again}`;
  if (last.what === 'ready' && restarts.length > 0) return 'restarted, ready again';
  return last.what === 'ready' ? `ready after ${after(last.from)}` : `${stageWords[last.what]}${again}`;
}

function renderTicks(picture: Picture, input: ReportInput, secondsOf: (at: string) => number): Html[] {
  const rows: {
    label: string;
    className: string;
    ticks: { seconds: number; description: string }[];
    description: string;
  }[] = [
    {
      label: 'warnings',
      className: 'warning',
      description: 'warning events of the cluster',
      ticks: (input.events ?? [])
        .filter(({ type }) => type === 'Warning')
        .map(({ at, object, reason, message }) => ({
          seconds: secondsOf(at),
          description: `${object} ${reason}: ${message}`,
        })),
    },
    {
      label: 'incidents',
      className: 'incident',
      description: 'incidents of the platform while the tests ran',
      ticks: (input.incidents ?? []).map((one) => ({ seconds: secondsOf(one.at), description: nameIncident(one) })),
    },
    {
      label: 'failed tests',
      className: 'failure',
      description: 'failed tests',
      ticks: failedTests(input.tests).map(({ endedAt, name }) => ({
        seconds: secondsOf(endedAt ?? ''),
        description: name,
      })),
    },
  ];
  return rows.flatMap(({ label, className, description, ticks }) => {
    const seen = ticks.filter(({ seconds }) => seconds >= 0 && seconds <= picture.end);
    if (seen.length === 0) return [];
    const drawn = seen
      .slice(0, maxTicks)
      .map((one) => picture.tick(className, one.seconds, `${clockOf(one.seconds)} ${one.description}`));
    return [picture.row(label, drawn, seen.length.toLocaleString('en-US'), `${seen.length} ${description}`)];
  });
}

function renderLegend(pods: readonly ReportedPod[]): Html {
  const used = new Set(pods.flatMap(({ stages }) => stages.map(({ what }) => what)));
  const entries = Object.entries(stageWords).filter(([what]) => used.has(what as PodStage['what']));
  return html`<ul class="legend" aria-label="Colours of the pods">${entries.map(
    ([what, words]) => html`<li><span class="key ${what}"></span>${words}</li>`,
  )}</ul>\n`;
}

/** Strips of one axis. Percentages and no view box: nothing is stretched, however wide the page is. */
class Picture {
  readonly end: number;
  readonly #ticks: number[];

  constructor(end: number, ticks: number[]) {
    this.end = end;
    this.#ticks = ticks;
  }

  row(label: string, content: Hole, beside: string, description: string): Html {
    const name = toPlainLine(label, 120);
    return html`<div class="row"><span class="label" title="${name}">${name}</span><svg role="img" aria-label="${toPlainLine(description, 300)}">${this.#grid()}${content}</svg><span class="beside">${toPlainLine(beside, 60)}</span></div>`;
  }

  bars(bars: Bar[]): Html[] {
    return bars
      .filter(({ from, until }) => until >= 0 && from <= this.end)
      .map(({ className, from, until, description }) => {
        const width = Math.max(leastPercent, this.#percent(until) - this.#percent(from));
        const x = Math.min(this.#percent(from), 100 - width);
        return html`<rect class="${toPlainLine(className, 60)}" x="${x.toFixed(2)}%" width="${width.toFixed(2)}%" y="0" height="100%"><title>${toPlainLine(description, 300)}</title></rect>`;
      });
  }

  tick(className: string, seconds: number, description: string): Html {
    const x = Math.min(99.7, this.#percent(seconds)).toFixed(2);
    return html`<line class="tick ${toPlainLine(className, 60)}" x1="${x}%" x2="${x}%" y1="0" y2="100%"><title>${toPlainLine(description, 300)}</title></line>`;
  }

  axis(): Html {
    const labels = this.#ticks.map((seconds, index) => {
      const percent = this.#percent(seconds);
      const anchor = index === 0 ? 'start' : percent > 96 ? 'end' : 'middle';
      return html`<text x="${percent.toFixed(2)}%" y="12" text-anchor="${anchor}">${clockOf(seconds)}</text>`;
    });
    return html`<div class="row axis" aria-hidden="true"><span class="label"></span><svg>${labels}</svg><span class="beside"></span></div>`;
  }

  #grid(): Html[] {
    return this.#ticks
      .slice(1)
      .map((seconds) => this.#percent(seconds).toFixed(2))
      .map((x) => html`<line class="grid" x1="${x}%" x2="${x}%" y1="0" y2="100%"/>`);
  }

  #percent(seconds: number): number {
    return Math.min(100, Math.max(0, (seconds / this.end) * 100));
  }
}
