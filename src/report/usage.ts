/** What containers used against what they asked for, in words and shares. */

import type { ReportedUsage } from '../core/report-model.ts';
import { toPlainLine } from './inert-text.ts';

/** From this share of a limit on a container is close to it. */
const closeShare = 0.9;

/** `412 MiB`, `1.5 GiB`. */
export function formatMemory(bytes: number): string {
  if (bytes < 10 * 2 ** 20) return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  if (bytes < 2 ** 30) return `${Math.round(bytes / 2 ** 20)} MiB`;
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** `0.25`, `2`: cores. */
export function formatCores(cores: number): string {
  return cores < 10 ? String(Math.round(cores * 100) / 100) : String(Math.round(cores));
}

/** `pod / container`, as plain text. */
export function nameContainer({ pod, container }: Pick<ReportedUsage, 'pod' | 'container'>): string {
  return toPlainLine(`${pod} / ${container}`, 200);
}

/** How close the container was to its memory limit: 0 to 1, or undefined without one. */
function memoryShare({ memoryPeakBytes, memoryLimitBytes }: ReportedUsage): number | undefined {
  return memoryLimitBytes === undefined || memoryLimitBytes <= 0 ? undefined : memoryPeakBytes / memoryLimitBytes;
}

/** Whether the container was so close to its memory limit that it is worth a warning. */
export function isCloseToLimit(usage: ReportedUsage): boolean {
  return (memoryShare(usage) ?? 0) >= closeShare;
}

/** Those close to their limits first, then the largest. */
export function sortUsage(usage: readonly ReportedUsage[]): ReportedUsage[] {
  return [...usage].sort(
    (a, b) => Number(isCloseToLimit(b)) - Number(isCloseToLimit(a)) || b.memoryPeakBytes - a.memoryPeakBytes,
  );
}
