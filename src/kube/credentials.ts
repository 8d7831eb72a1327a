import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { toOneLine } from '../core/outcome.ts';
import { makeChildEnvironment } from '../tools/child-environment.ts';

/** Credentials of a request in addition to those in the kubeconfig itself. */
export interface Credentials {
  token?: string;
  /** PEM. */
  cert?: string;
  key?: string;
}

/** Source of credentials that change during a run. */
export interface CredentialSource {
  /** @throws Error with the plugin's own message, or the signal's reason. */
  get(signal: AbortSignal): Promise<Credentials>;
  /** Called when the API server refuses the current credentials. @returns whether asking again can help. */
  renew(refused: Credentials): boolean;
}

/** A file that another process keeps current, as the kubelet does with the token of a pod. */
export function fileSource(file: string): CredentialSource {
  return {
    get: async () => ({ token: (await readFile(file, 'utf8')).trim() }),
    renew: () => false,
  };
}

/** The `exec` of a user in a kubeconfig. */
export interface ExecConfig {
  apiVersion?: string;
  command: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  installHint?: string;
  provideClusterInfo?: boolean;
}

interface ExecCredential {
  status?: {
    token?: string;
    clientCertificateData?: string;
    clientKeyData?: string;
    expirationTimestamp?: string;
  };
}

/** A plugin may ask a cloud, and that over a slow network. */
const pluginMilliseconds = 60_000;
/** What is about to expire may be refused when it arrives. */
const slackMilliseconds = 10_000;

/** The `code` of an `ApiError` for a call that had no credentials, since the plugin of the kubeconfig gave none. */
export const credentialPluginCode = 'CREDENTIAL_PLUGIN';

/**
 * A credential plugin, https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins:
 * run once for all waiting requests, again when its credentials are about to expire, and when the API server refuses them. The
 * implementation of client-node starts a process for each of the first requests, passes the plugin nothing about the cluster,
 * and keeps sending a refused token.
 */
export class ExecPlugin implements CredentialSource {
  readonly #config: ExecConfig;
  readonly #cluster: object;
  #current: { credentials: Credentials; expiresAt: number } | undefined;
  #asking: Promise<Credentials> | undefined;

  /** @param cluster as KUBERNETES_EXEC_INFO describes it, for plugins that ask for it. */
  constructor(config: ExecConfig, cluster: object) {
    this.#config = config;
    this.#cluster = cluster;
  }

  async get(signal: AbortSignal): Promise<Credentials> {
    if (this.#current !== undefined && Date.now() < this.#current.expiresAt - slackMilliseconds)
      return this.#current.credentials;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    const asking = this.#asking;
    // A caller that aborts does not cancel the request for the others that wait for it.
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      asking.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  renew(refused: Credentials): boolean {
    // Another request may have had it renewed already.
    if (this.#current?.credentials === refused) this.#current = undefined;
    return true;
  }

  async #ask(): Promise<Credentials> {
    const { command, args, env, apiVersion = 'client.authentication.k8s.io/v1', installHint } = this.#config;
    const spec = {
      interactive: false,
      ...(this.#config.provideClusterInfo === true ? { cluster: this.#cluster } : {}),
    };
    const variables = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
    const options = {
      env: makeChildEnvironment({
        ...variables,
        KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential', spec }),
      }),
      timeout: pluginMilliseconds,
      maxBuffer: 1024 * 1024,
    };
    const output = await new Promise<string>((resolve, reject) => {
      execFile(command, args ?? [], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new CredentialPluginError(this.#describe(error, stderr, installHint)));
      });
    });
    const status = this.#read(output);
    const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = status;
    const credentials: Credentials = {
      ...(token === undefined ? {} : { token }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    };
    const expiresAt = Date.parse(expirationTimestamp ?? '');
    this.#current = { credentials, expiresAt: Number.isNaN(expiresAt) ? Number.POSITIVE_INFINITY : expiresAt };
    return credentials;
  }

  #read(output: string): NonNullable<ExecCredential['status']> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(output);
    } catch {
      // What it wrote instead may hold a secret.
    }
    const status = (parsed as ExecCredential | null | undefined)?.status;
    if (status === undefined || (status.token === undefined && status.clientCertificateData === undefined))
      throw new CredentialPluginError(
        `the credential plugin ${this.#config.command} gave neither a token nor a certificate`,
      );
    return status;
  }

  #describe(error: Error & { code?: unknown; killed?: boolean }, stderr: string, installHint = ''): string {
    const { command } = this.#config;
    if (error.code === 'ENOENT')
      return toOneLine(
        `the credential plugin ${command} is not installed${installHint === '' ? '' : `: ${installHint}`}`,
      );
    const how = error.killed === true ? `did not answer within ${pluginMilliseconds / 1000} s` : 'failed';
    return toOneLine(`the credential plugin ${command} ${how}: ${stderr.trim() || error.message}`);
  }
}

/** A credential plugin that gave no credentials. */
class CredentialPluginError extends Error {
  override readonly name = 'CredentialPluginError';
  readonly code = credentialPluginCode;
}
