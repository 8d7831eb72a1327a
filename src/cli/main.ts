#!/usr/bin/env node
/** The entry point of the command line. An older Node would fail somewhere in a dependency, with a page of minified code. */
const neededMajor = 24;

if (Number.parseInt(process.versions.node, 10) < neededMajor) {
  process.stderr.write(`Node ${neededMajor} or newer is needed; this is ${process.version} (${process.execPath})\n`);
  process.exitCode = 2;
} else {
  const { runCommand } = await import('./command-line.ts');
  process.exitCode = await runCommand(process.argv.slice(2));
}
