/** Which failed tests are put on the files of the checkout. */
import type { ReportedTest } from './report-input.ts';

export interface Annotation {
  level: 'error' | 'warning' | 'notice';
  title: string;
  message: string;
  /** As the test named it; the caller maps it to the checkout. */
  file?: string;
  line?: number;
}

export declare function annotationsOf(tests: readonly ReportedTest[], limit?: number): Annotation[];
