/** What takes the elements of a report, as a parser meets them. */
export interface ReportSink {
  /** @param line of the file, counted from 1. @throws MalformedReport for what no report holds. */
  open(name: string, attributes: Record<string, string>, line: number): void;
  addText(text: string): void;
  close(name: string): void;
}

/** A case of another format, gathered until it ends. */
export interface ForeignCase {
  /** As in a `testcase` of JUnit. */
  attributes: Record<string, string>;
  problem?: ForeignProblem;
}

export interface ForeignProblem {
  element: 'failure' | 'error' | 'skipped';
  message: string;
  type: string;
  details: string;
}

/** Hands a case to a sink that takes JUnit. */
export function sendCase(sink: ReportSink, { attributes, problem }: ForeignCase, line: number): void {
  sink.open('testcase', attributes, line);
  if (problem !== undefined) sendProblem(sink, problem, line);
  sink.close('testcase');
}

/** Hands a problem of a case, or outside of one of a suite, to a sink that takes JUnit. */
export function sendProblem(sink: ReportSink, { element, message, type, details }: ForeignProblem, line: number): void {
  sink.open(element, { message, type }, line);
  sink.addText(details);
  sink.close(element);
}
