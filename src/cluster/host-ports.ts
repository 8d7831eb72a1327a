/** Ports of the host that a user's kind-config maps, and which process uses them already. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { UserKindConfig } from '../inputs/user-kind-config.ts';
import { findContainerOnPort } from './docker.ts';

export interface WantedPort {
  port: number;
  protocol: 'tcp' | 'udp';
}

export interface TakenPort extends WantedPort {
  /** A container, a program, or `another node of kind-config`. */
  holder: string;
}

/** The host ports that the config names, each as often as it does; what kind chooses itself is left out. Pure. */
export function listWantedPorts(config: UserKindConfig | undefined): WantedPort[] {
  const networking = config?.rest.networking as { apiServerPort?: unknown } | undefined;
  const mappings = (config?.nodes ?? []).flatMap((node) =>
    Array.isArray(node.extraPortMappings)
      ? (node.extraPortMappings as { hostPort?: unknown; protocol?: unknown }[])
      : [],
  );
  const wanted: WantedPort[] = mappings.map(({ hostPort, protocol }) => ({
    port: Number(hostPort),
    protocol: String(protocol).toLowerCase() === 'udp' ? 'udp' : 'tcp',
  }));
  wanted.push({ port: Number(networking?.apiServerPort), protocol: 'tcp' });
  // kind takes a random port for 0, -1 and none.
  return wanted.filter(({ port }) => port > 0);
}

/**
 * Those of the ports that are in use, each with its process; and those that the config itself names twice. On systems without
 * /proc only containers of the local docker are seen.
 */
export async function findPortHolders(wanted: WantedPort[], signal: AbortSignal): Promise<TakenPort[]> {
  const taken: TakenPort[] = [];
  for (const [i, { port, protocol }] of wanted.entries()) {
    const isTwice = wanted.slice(0, i).some((other) => other.port === port && other.protocol === protocol);
    const holder = isTwice ? 'another node of kind-config' : await findHolder({ port, protocol }, signal);
    if (holder !== undefined) taken.push({ port, protocol, holder });
  }
  return taken;
}

async function findHolder(wanted: WantedPort, signal: AbortSignal): Promise<string | undefined> {
  const container = await findContainerOnPort(wanted, signal);
  if (container !== undefined) return `container ${container}`;
  const sockets = await Promise.all(
    [wanted.protocol, `${wanted.protocol}6`].map((table) => readText(`/proc/net/${table}`)),
  );
  const inode = findListener(sockets.join('\n'), wanted);
  return inode === undefined ? undefined : await nameHolder(inode);
}

/** The inode of the socket that listens on a port, from the text of /proc/net/tcp or udp (proc_net_tcp). Pure. */
export function findListener(table: string, wanted: WantedPort): string | undefined {
  // Hexadecimal; 0A is LISTEN, and an unconnected UDP socket is in state 07.
  const state = wanted.protocol === 'tcp' ? '0A' : '07';
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/);
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    if (port === wanted.port && fields[3] === state) return fields[9];
  }
  return undefined;
}

/** The program that has a socket open, as far as we may see it. */
async function nameHolder(inode: string): Promise<string> {
  for (const pid of (await listEntries('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await listEntries(`/proc/${pid}/fd`)) {
      if ((await readTarget(`/proc/${pid}/fd/${fd}`)) !== `socket:[${inode}]`) continue;
      return `${(await readText(`/proc/${pid}/comm`)).trim()} (process ${pid})`;
    }
  }
  return 'a program of another user';
}

// Processes may end while they are read, and those of other users may be unreadable: both are skipped.

async function listEntries(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

async function readTarget(link: string): Promise<string> {
  return readlink(link).catch(() => '');
}
