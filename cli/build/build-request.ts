/** The flags of `build` as the engine's builder takes them. */
import { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { parseReference } from '../../proto/image-reference.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../command-line.ts';
import { EXIT, withExitCode } from '../failure.ts';
import { parseUlimit } from '../options/limits.ts';
import { parsePairs } from '../options/pairs.ts';
import { allCredentials } from '../registry/credentials.ts';
import { readAnnotations } from './annotations.ts';
import type { BuildOutput } from './outputs.ts';
import { readSecrets } from './secrets.ts';
import { imageNames, resultsFor } from './write-outputs.ts';

export interface BuildFlags {
  readonly addHost: readonly string[];
  readonly annotation: readonly string[];
  readonly buildArg: readonly string[];
  readonly cache: boolean;
  readonly label: readonly string[];
  readonly network: string;
  /** Of --no-cache-filter: for commander, what begins with "no" turns something off. */
  readonly cacheFilter: readonly string[];
  readonly platform: readonly string[];
  readonly pull?: boolean;
  readonly secret: readonly string[];
  readonly shmSize?: number;
  readonly tag: readonly string[];
  readonly target: string;
  readonly ulimit: readonly string[];
}

/** Without what the source of the build and its caches say. Throws CliErrors for values that mean nothing. */
export async function buildRequest(
  flags: BuildFlags,
  outputs: readonly BuildOutput[],
  cli: Cli,
): Promise<ImageBuildOptions> {
  // As buildx has it, a time that scripts set for all tools is the build's, too.
  const epoch = cli.env.SOURCE_DATE_EPOCH === undefined ? [] : [`SOURCE_DATE_EPOCH=${cli.env.SOURCE_DATE_EPOCH}`];
  return ImageBuildOptions.create({
    tags: imageNames(flags.tag, outputs).map(checkedName),
    args: parsePairs('--build-arg', [...epoch, ...flags.buildArg], (key) => cli.env[key]),
    target: flags.target,
    noCache: !flags.cache,
    noCacheStages: flags.cacheFilter.flatMap((text) => text.split(',')).filter((name) => name !== ''),
    labels: parsePairs('--label', flags.label, () => ''),
    ...readAnnotations(flags.annotation, platformsOf(flags)),
    pull: flags.pull ?? false,
    credentials: await allCredentials(cli),
    secrets: readSecrets(flags.secret, cli),
    network: flags.network,
    extraHosts: flags.addHost.map(hostEntry),
    platform: flags.platform.join(','),
    shmSizeBytes: flags.shmSize ?? 0,
    ulimits: flags.ulimit.map((text) => parseUlimit(text)),
    results: resultsFor(outputs),
  });
}

/** As far as what is written says: the same platform twice is one. */
export function platformsOf({ platform }: Pick<BuildFlags, 'platform'>): 'one' | 'several' {
  const wanted = platform.flatMap((text) => text.split(',')).map((text) => text.trim());
  return new Set(wanted.filter((text) => text !== '')).size > 1 ? 'several' : 'one';
}

/** Before anything is sent. */
function checkedName(name: string): string {
  try {
    parseReference(name);
    return name;
  } catch (error) {
    throw withExitCode(error, EXIT.refused);
  }
}

/** HOST:IP, or as buildx also has it HOST=IP. */
function hostEntry(text: string): string {
  const [, host, address] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  if (host === undefined) throw invalidFlag('--add-host', text, 'write HOST:IP');
  return `${host}:${address}`;
}
