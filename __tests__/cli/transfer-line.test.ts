import { describe, expect, test } from 'vitest';
import { formatBytes, renderTransfer, TransferRate } from '../../src/cli/transfer-line.ts';

describe('the line of a transfer', () => {
  const transfer = { what: 'helm 4.1.4', bytes: 5_250_000, totalBytes: 21_000_000 };
  const line = (columns: number, over = {}) =>
    renderTransfer({ ...transfer, ...over }, 2_100_000, { columns, hasColour: false });

  test('leaves out the bar, the time and the rate as the terminal gets narrower', () => {
    expect(line(79)).toBe('  helm 4.1.4  ━━━━━━──────────────────  5.3 MB of 21.0 MB  2.1 MB/s  8 s left');
    expect(line(140)).toContain(` ${'━'.repeat(8)}${'─'.repeat(22)} `);
    expect(line(55)).toBe('  helm 4.1.4  5.3 MB of 21.0 MB  2.1 MB/s  8 s left');
    expect(line(45)).toBe('  helm 4.1.4  5.3 MB of 21.0 MB  2.1 MB/s');
    expect(line(33)).toBe('  helm 4.1.4  5.3 MB of 21.0 MB');
    expect(line(12)).toBe('  helm 4.1.…');
    for (let columns = 1; columns < 200; columns++) expect(line(columns).length).toBeLessThanOrEqual(columns);
  });

  test('says what it does not know: the total, whether it is exact, the rate', () => {
    const { totalBytes: _, ...unknown } = transfer;
    const options = { columns: 79, hasColour: false };
    expect(renderTransfer(unknown, 2_100_000, options)).toBe('  helm 4.1.4  5.3 MB  2.1 MB/s');
    expect(renderTransfer(transfer, undefined, options)).toMatch(/5\.3 MB of 21\.0 MB$/);
    expect(line(79, { isAbout: true })).toContain('5.3 MB of about 21.0 MB');
    // An estimate that was too low is not defended.
    expect(line(79, { bytes: 22_000_000, isAbout: true })).toBe('  helm 4.1.4  22.0 MB  2.1 MB/s');
    expect(renderTransfer(transfer, 0, options)).toContain('0 B/s');
    expect(renderTransfer(transfer, 0, options)).not.toContain('left');
  });

  test('has the rate of the last seconds, and begins again with another attempt', () => {
    const rate = new TransferRate();
    rate.add(0, 0);
    expect(rate.rateAt(100)).toBeUndefined();
    for (let at = 100; at <= 10_000; at += 100) rate.add(at * 1000, at);
    expect(rate.rateAt(10_000)).toBeCloseTo(1_000_000, -4);
    // It has stopped: the rate falls until it is nothing.
    expect(rate.rateAt(12_000)).toBeLessThan(600_000);
    expect(rate.rateAt(15_000)).toBe(0);
    rate.add(500, 15_100);
    expect(rate.rateAt(15_200)).toBeUndefined();
    // A fast one is not kept piece by piece.
    for (let piece = 0; piece < 100_000; piece++) rate.add(500 + piece, 15_200 + piece / 100);
    expect(rate.rateAt(16_200)).toBeCloseTo(90_900, -3);
  });

  test('has decimal units', () => {
    const sizes = [0, 999, 1000, 99_949, 99_960, 999_400, 999_600, 1_500_000_000, 2.5e13];
    expect(sizes.map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '99.9 kB',
      '100 kB',
      '999 kB',
      '1.0 MB',
      '1.5 GB',
      '25.0 TB',
    ]);
  });
});
