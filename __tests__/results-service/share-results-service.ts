import { afterAll, beforeAll, vi } from 'vitest';
import { type ResultsService, startResultsService } from './results-service.ts';

/** A results service for all tests of a file. @returns how they ask for it. */
export function shareResultsService(): () => ResultsService {
  let service: ResultsService;
  beforeAll(async () => {
    // @actions/artifact tells every request of a download to the log of the step; here that would bury the other tests.
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    service = await startResultsService();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await service.stop();
  });
  return () => service;
}
