/** A run of a real test tool whose report, log and exit code are kept as a fixture. */
export interface Recording {
  /** Name of the directory of the fixture. */
  id: string;
  /** As the table of tools names it. */
  tool: string;
  /** A shell line that prints the version. */
  version: string;
  /** Sources of the suite, by path. */
  files: Record<string, string>;
  /** A shell line, run in the directory of the suite. `$R` is where results go. */
  command: string;
  /** Shell lines that are no part of what is recorded, such as a build. */
  prepare?: string;
  /** The source of its packages: a package manager and what it installs. */
  packages: Packages;
}

/** What a tool needs, by package manager; `.` is a name that the suite's own files give, such as a `pom.xml`. */
export type Packages =
  | { pip: string[] }
  | { npm: string[] }
  | { go: string[] }
  | { debian: string[] }
  | { maven: string }
  | { cargo: string };
