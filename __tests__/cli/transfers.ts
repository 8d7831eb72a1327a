/** A run with transfers, for a terminal: two downloads at once, then images, while other lines are printed. */
import { setTimeout as delay } from 'node:timers/promises';
import { TerminalReporter } from '../../src/cli/terminal-reporter.ts';

const reporter = new TerminalReporter(process.stdout, process.env);
const step = () => delay(70);

reporter.phaseStarted('tools');
for (let at = 0; at <= 10; at++) {
  reporter.transferring({ what: 'kind 0.32.0', bytes: at * 1_000_000, totalBytes: 10_000_000 });
  reporter.transferring({ what: 'helm 4.1.4', bytes: at * 2_345_678, totalBytes: 23_456_780 });
  await step();
  if (at === 5) reporter.say(`said in between, ${'and long, '.repeat(20)}to its end`);
}
for (const what of ['kind 0.32.0', 'helm 4.1.4']) reporter.transferring({ what, bytes: 0, hasEnded: true });
reporter.phaseEnded({ name: 'tools', outcome: 'passed', seconds: 1.2 });
reporter.phaseStarted('cluster');
reporter.phaseStarted('images');
for (let at = 0; at <= 20; at++) {
  reporter.waitingFor('kind: Starting control-plane');
  const total = at < 4 ? {} : { totalBytes: 700_000_000, isAbout: true };
  reporter.transferring({ what: 'images 2/3', bytes: at * 36_000_000, ...total });
  await step();
  if (at % 5 === 0) reporter.quote(`line ${at} of a log`);
}
reporter.transferring({ what: 'images 2/3', bytes: 0, hasEnded: true });
reporter.phaseEnded({ name: 'images', outcome: 'passed', seconds: 12 });
reporter.warn('a warning');
reporter.phaseEnded({ name: 'cluster', outcome: 'passed', seconds: 34.5 });
process.stdout.write('the end\n');
