/** What `version` and `info` tell of this host and program, as far as it doesn't change while gantryd runs. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { newObjectId, type RandomBytes } from '../../proto/ids.ts';
import type { HostFacts } from '../container/spec/host-facts.ts';

export interface SystemFacts {
  readonly engineId: string;
  readonly nodeName: string;
  readonly version: string;
  /** Empty when this isn't a checkout. */
  readonly gitCommit: string;
  readonly kernelVersion: string;
  /** "Debian GNU/Linux 12 (bookworm)" */
  readonly operatingSystem: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly host: HostFacts;
}

export interface SystemFactsOptions {
  readonly nodeName: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly host: HostFacts;
  /** The checkout or installation that this program runs from. */
  readonly programRoot: string;
}

export const VERSION: string = packageJson.version;

export function readSystemFacts({ nodeName, dataRoot, execRoot, host, programRoot }: SystemFactsOptions): SystemFacts {
  return {
    engineId: readEngineId(join(dataRoot, 'engine-id'), randomBytes),
    nodeName,
    version: VERSION,
    gitCommit: readGitCommit(programRoot),
    kernelVersion: release(),
    operatingSystem: parsePrettyName(readIfThere('/etc/os-release') ?? ''),
    dataRoot,
    execRoot,
    host,
  };
}

/** Made once per data root. */
function readEngineId(path: string, random: RandomBytes): string {
  const found = readIfThere(path)?.trim() ?? '';
  if (found !== '') return found;
  const id = newObjectId(random);
  writeFileSync(`${path}.tmp`, `${id}\n`);
  renameSync(`${path}.tmp`, path);
  return id;
}

/** Source: gitrepository-layout(5). */
function readGitCommit(root: string): string {
  const head = readIfThere(join(root, '.git/HEAD'))?.trim() ?? '';
  if (!head.startsWith('ref: ')) return head;
  const ref = head.slice('ref: '.length);
  const loose = readIfThere(join(root, '.git', ref))?.trim();
  return loose ?? packedCommit(readIfThere(join(root, '.git/packed-refs')) ?? '', ref);
}

function packedCommit(packedRefs: string, ref: string): string {
  const line = packedRefs.split('\n').find((one) => one.endsWith(` ${ref}`));
  return line?.split(' ')[0] ?? '';
}

/** Source: os-release(5). */
export function parsePrettyName(osRelease: string): string {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux';
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    // .git is a file in a worktree: no commit to tell, and none is needed.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
