/** Memory, CPUs, ulimits, devices, restart policy: what bounds a container. */
import { LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';
import type { Device, Ulimit } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../command-line.ts';
import { parseBytes, parseDuration, parseNanoCpus } from '../compose/syntax/quantities.ts';

export function byteSize(flag: string): (text: string) => number {
  return (text) => {
    const bytes = parseBytes(text);
    if (bytes === undefined) throw invalidFlag(flag, text, 'write a size such as 512m or 2g');
    return bytes;
  };
}

/** Milliseconds. */
export function duration(flag: string): (text: string) => number {
  return (text) => {
    const milliseconds = parseDuration(text);
    if (milliseconds === undefined) throw invalidFlag(flag, text, 'write a duration such as 30s or 1m30s');
    return milliseconds;
  };
}

/** Billionths of a CPU. */
export function nanoCpus(flag: string): (text: string) => number {
  return (text) => {
    const value = parseNanoCpus(text);
    if (value === undefined) throw invalidFlag(flag, text, 'write a number such as 0.5 or 2');
    return value;
  };
}

/** -1 is no limit, which travels as 0. */
export function pidsLimit(flag: string): (text: string) => number {
  return (text) => {
    if (!/^-?\d+$/.test(text)) throw invalidFlag(flag, text, 'write a number, or -1 for no limit');
    return Math.max(0, Number(text));
  };
}

export function oomScoreAdj(text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < -1000 || value > 1000) {
    throw invalidFlag('--oom-score-adj', text, 'write a number from -1000 to 1000');
  }
  return value;
}

/** NAME=SOFT[:HARD]; -1 is unlimited. */
export function parseUlimit(text: string, flag = '--ulimit'): Ulimit {
  const match = /^([a-z]+)=(-?\d+|unlimited)(?::(-?\d+|unlimited))?$/.exec(text);
  const name = match?.[1];
  if (match == null || name === undefined) {
    throw invalidFlag(flag, text, 'write NAME=SOFT[:HARD], such as nofile=1024:2048');
  }
  const soft = limitValue(match[2] ?? '');
  const hard = match[3] === undefined ? soft : limitValue(match[3]);
  if (hard !== -1 && (soft === -1 || soft > hard)) {
    throw invalidFlag(flag, text, 'the soft limit must not be above the hard one');
  }
  return { name, soft, hard };
}

function limitValue(text: string): number {
  return text === 'unlimited' ? -1 : Number(text);
}

/** HOST[:CONTAINER][:PERMISSIONS] */
export function parseDevice(text: string): Device {
  const [hostPath = '', second = '', third] = text.split(':');
  const permissionsOnly = third === undefined && /^[rwm]{1,3}$/.test(second);
  const containerPath = second === '' || permissionsOnly ? hostPath : second;
  const permissions = third ?? (permissionsOnly ? second : 'rwm');
  if (!hostPath.startsWith('/') || !containerPath.startsWith('/') || !/^[rwm]{1,3}$/.test(permissions)) {
    throw invalidFlag('--device', text, 'write /HOST/PATH[:/CONTAINER/PATH][:rwm]');
  }
  return { hostPath, containerPath, permissions };
}

export interface RestartChoice {
  readonly restart: LocalRestart;
  readonly restartMaxAttempts: number;
}

const RESTARTS: ReadonlyMap<string, LocalRestart> = new Map([
  ['no', LocalRestart.NO],
  ['always', LocalRestart.ALWAYS],
  ['unless-stopped', LocalRestart.UNLESS_STOPPED],
  ['on-failure', LocalRestart.ON_FAILURE],
]);

/** no | always | unless-stopped | on-failure[:N] */
export function parseRestart(text: string): RestartChoice {
  const match = /^([a-z-]+)(?::(\d+))?$/.exec(text);
  const restart = RESTARTS.get(match?.[1] ?? '');
  if (match == null || restart === undefined || (match[2] !== undefined && restart !== LocalRestart.ON_FAILURE)) {
    throw invalidFlag('--restart', text, 'write no, always, unless-stopped or on-failure[:N]');
  }
  return { restart, restartMaxAttempts: Number(match[2] ?? 0) };
}

const HOST_AND_IP = /^([^:=\s]+)[:=]\[?([0-9a-fA-F.:]+)\]?$/;

/** HOST:IP or HOST=IP, as HOST:IP. */
export function parseExtraHost(text: string, flag = '--add-host'): string {
  const match = HOST_AND_IP.exec(text);
  if (match === null) throw invalidFlag(flag, text, 'write HOST:IP');
  return `${match[1]}:${match[2]}`;
}
