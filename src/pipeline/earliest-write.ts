/** File systems and clocks differ by a second or so; a report of another run is minutes old. */
const toleranceMilliseconds = 2000;

/**
 * When a file of this run was written at the earliest. Files on a volume of the cluster have the time of the node, whose
 * clock may be behind the runner's; so has the start of the container.
 * @param testsStartedAt by this machine's clock, in milliseconds of the epoch.
 * @param containerStartedAt by the node's clock, RFC 3339; undefined when it is not known.
 * @returns milliseconds of the epoch.
 */
export function earliestWrite(testsStartedAt: number, containerStartedAt: string | undefined): number {
  const ofNode = Date.parse(containerStartedAt ?? '');
  return (Number.isNaN(ofNode) ? testsStartedAt : Math.min(testsStartedAt, ofNode)) - toleranceMilliseconds;
}
