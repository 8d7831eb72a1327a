/**
 * Runs the integration tier of the example as GitHub's runner user, on the docker that DOCKER_HOST names; `make test-docker28`
 * calls it on a docker of today, once for each image store. Exit status 1 when the run is not green.
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { makeRunner, runnerUid, untilEnd } from '../__tests__/as-runner.ts';
import { describeDocker } from '../__tests__/cluster/dockers.ts';

const [results] = process.argv.slice(2);
if (results === undefined) throw new Error('usage: test-docker28.ts RESULTS_DIRECTORY');

const runner = makeRunner();
const out = path.join(runner.directory, 'home', 'results');
const nodeImage = process.env.FLOE_LAB_NODE_IMAGE;
const flags = nodeImage === undefined || nodeImage === '' ? [] : ['--node-image', nodeImage];
const args = [runner.copyCheckout(), 'run', '--tier', 'integration', ...flags, '--results-dir', out];
const example = path.join(runner.directory, 'checkout', 'examples', 'floe');
const start = performance.now();
const { status, output } = await untilEnd(runner.start(runner.node, args, { cwd: example }));
const seconds = Math.round((performance.now() - start) / 1000);
process.stdout.write(output);
rmSync(results, { recursive: true, force: true });
if (existsSync(out)) cpSync(out, results, { recursive: true });
rmSync(runner.directory, { recursive: true });
const docker = describeDocker(process.env).replace(/, as .*/, `, as uid ${runnerUid}`);
process.stdout.write(`integration tier on ${docker}: exit status ${status} after ${seconds} s\n`);
process.exitCode = status === 0 ? 0 : 1;
