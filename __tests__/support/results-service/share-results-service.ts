import { afterAll, beforeAll, vi } from 'vitest';
import { type ResultsService, startResultsService } from './results-service.ts';

/** A results service for all tests of a file. @returns how they ask for it. */
export function shareResultsService(): () => ResultsService {
  let service: ResultsService;
  beforeAll(async () => {
    // @actions/artifact logs every request of a download to the step's log; here that would hide the other tests.
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    service = await startResultsService();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await service.stop();
  });
  return () => service;
}
