import { type Result, succeed } from '../core/outcome.ts';
import type { Transfer } from '../core/reporter.ts';
import type { Inputs } from '../inputs/read-inputs.ts';
import { provideTool } from './install-tool.ts';
import { pinnedTools } from './versions.ts';

/** Paths of the programs that a run needs; without a chart there is no helm, and on an existing cluster no kind. */
export interface Tools {
  kind: string | undefined;
  helm: string | undefined;
}

/** Provides kind, unless the cluster is there, and helm, where there is a chart, in the versions that the inputs name or we pin. */
export async function provideTools(
  inputs: Pick<Inputs, 'cluster' | 'chart' | 'kindVersion' | 'helmVersion' | 'toolsMirror' | 'toolsChecksumsPath'>,
  options: {
    directory: string;
    signal: AbortSignal;
    say: (line: string) => void;
    transferring?: (transfer: Transfer) => void;
    mayDownload?: boolean;
  },
): Promise<Result<Tools>> {
  const { directory, signal, say, transferring, mayDownload = true } = options;
  const common = {
    mirror: inputs.toolsMirror,
    checksumsPath: inputs.toolsChecksumsPath,
    directory,
    signal,
    say,
    transferring,
    mayDownload,
  };
  const kindVersion = inputs.kindVersion ?? pinnedTools.kind.version;
  const isExisting = inputs.cluster === 'existing';
  const kind = isExisting ? undefined : await provideTool({ ...common, name: 'kind', version: kindVersion });
  if (kind?.ok === false) return kind;
  if (inputs.chart === undefined) return succeed({ kind: kind?.value.path, helm: undefined });
  const helmVersion = inputs.helmVersion ?? pinnedTools.helm.version;
  const helm = await provideTool({ ...common, name: 'helm', version: helmVersion });
  return helm.ok ? succeed({ kind: kind?.value.path, helm: helm.value.path }) : helm;
}
