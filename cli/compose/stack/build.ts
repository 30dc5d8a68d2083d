/** `build` of a service (Compose Build specification): what the engine's builder is asked for. */
import { resolve } from 'node:path';
import type { Ulimit } from '../../../proto/generated/gantry/v1/types.ts';
import { readCacheSource, readCacheTarget } from '../../build/cache-flags.ts';
import { CliError } from '../../failure.ts';
import { serviceOf } from '../model/normalize.ts';
import { isRemoteContext } from '../source/paths.ts';
import type { ServiceContext } from './context.ts';
import { convertExtraHosts } from './extra-hosts.ts';
import { checkIsolation, convertUlimits } from './isolation.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { BUILD_SECRET_REFUSALS } from './refusals.ts';

const LAYOUT = 'oci-layout://';

export interface Build {
  /** Absolute path of a directory, or a URL. */
  readonly context: string;
  /** Relative to the context. */
  readonly dockerfile: string;
  /** Not empty: instead of the file. */
  readonly dockerfileText: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** Stages whose steps are run again. */
  readonly noCacheStages: readonly string[];
  /** Further names of the image. */
  readonly tags: readonly string[];
  readonly pull: boolean;
  /** The service's own first; none: the host's. */
  readonly platforms: readonly string[];
  /** What the service is for; empty: any of them. */
  readonly platform: string;
  /** default, none or host; "" for default. */
  readonly network: string;
  /** HOST:ADDRESS */
  readonly extraHosts: readonly string[];
  /** 0: the builder's default. */
  readonly shmSizeBytes: number;
  readonly ulimits: readonly Ulimit[];
  /** As of --cache-from and --cache-to of `build`, and as readable as they are; directories are absolute. */
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  /** By id. */
  readonly secrets: Readonly<Record<string, Buffer>>;
  /** ID, or ID=PATH of a socket or a key. */
  readonly ssh: readonly string[];
  /** By name: a directory, a URL, docker-image://IMAGE, oci-layout://DIRECTORY, or service:NAME for the image of another service. */
  readonly additionalContexts: Readonly<Record<string, string>>;
}

export function convertBuild(cursor: ModelCursor, context: ServiceContext): Build {
  return cursor.object({}, (fields) => {
    for (const key of ['provenance', 'sbom']) fields.get(key, refuseAttestation);
    fields.get('entitlements', (list) => list.items(checkEntitlement));
    fields.get('privileged', refusePrivileged);
    fields.get('isolation', checkIsolation);
    return { ...readImage(fields, context), ...readSteps(fields, context) };
  });
}

const AS_CONTAINERS = 'steps have no more rights than containers have by default';
const WHEN_IT_RUNS =
  'remove it, and do what needs more when the container runs: "privileged: true" or "cap_add" of the service';

/** That of the host's network has every build: its steps say whether they use it. */
function checkEntitlement(item: ModelCursor): void {
  if (item.text() !== 'network.host') throw item.problem(AS_CONTAINERS, WHEN_IT_RUNS);
}

function refusePrivileged(cursor: ModelCursor): void {
  if (cursor.boolean()) throw cursor.problem(AS_CONTAINERS, WHEN_IT_RUNS);
}

/** What it is made of, and what it is called. */
function readImage(fields: Fields, context: ServiceContext) {
  const platforms = fields.texts('platforms');
  const { platform } = serviceOf(context.model, context.service) ?? {};
  const own = typeof platform === 'string' ? [platform] : [];
  return {
    context: fields.get('context', readContext) ?? '',
    dockerfile: fields.text('dockerfile'),
    dockerfileText: fields.text('dockerfile_inline'),
    additionalContexts: fields.get('additional_contexts', (one) => readContexts(one, context)) ?? {},
    target: fields.text('target'),
    labels: fields.textByKey('labels'),
    tags: fields.texts('tags'),
    platform: own.join(''),
    platforms: [...new Set([...own, ...platforms])],
  };
}

/** What its steps get, and where they come from. */
function readSteps(fields: Fields, context: ServiceContext) {
  return {
    args: fields.textByKey('args'),
    noCache: fields.flag('no_cache'),
    noCacheStages: fields.texts('no_cache_filter'),
    pull: fields.flag('pull'),
    network: fields.get('network', (one) => one.oneOf(['default', 'none', 'host'])) ?? '',
    extraHosts: fields.get('extra_hosts', convertExtraHosts) ?? [],
    shmSizeBytes: fields.get('shm_size', (one) => one.bytes()) ?? 0,
    ulimits: fields.get('ulimits', convertUlimits) ?? [],
    cacheFrom: fields.get('cache_from', (list) => readCaches(list, 'cache_from', readCacheSource, context)) ?? [],
    cacheTo: fields.get('cache_to', (list) => readCaches(list, 'cache_to', readCacheTarget, context)) ?? [],
    secrets: fields.get('secrets', (list) => readSecrets(list, context)) ?? {},
    ssh: fields.texts('ssh'),
  };
}

function readContext(cursor: ModelCursor): string {
  const text = cursor.text();
  if (!text.startsWith('service:')) return gitUrl(text);
  throw cursor.problem(`"${text}" is no directory`, 'name a service under additional_contexts, and FROM it there');
}

/** github.com/OWNER/NAME is short for its repository. */
function gitUrl(text: string): string {
  const match = /^github\.com\/([^#]+?)(?:\.git)?(#.*)?$/.exec(text);
  return match === null ? text : `https://github.com/${match[1]}.git${match[2] ?? ''}`;
}

function readContexts(cursor: ModelCursor, context: ServiceContext): Record<string, string> {
  const read = (place: ModelCursor): string => {
    const text = place.text();
    const service = /^service:(.*)$/.exec(text)?.[1];
    if (service !== undefined && serviceOf(context.model, service) === undefined) {
      throw place.problem(`service "${service}" is not defined`, 'define it under services');
    }
    if (text.startsWith(LAYOUT)) return LAYOUT + resolve(context.directory, text.slice(LAYOUT.length));
    return isRemoteContext(text) ? gitUrl(text) : text;
  };
  return Object.fromEntries(
    cursor.valuesByKey().flatMap(([name, place]): [string, string][] => {
      const source = place.attempt(read);
      return source === undefined ? [] : [[name, source]];
    }),
  );
}

/** Refused for what the same flags of `build` are refused for. As with Compose, the model has directories as they are written. */
function readCaches(
  list: ModelCursor,
  key: string,
  read: (text: string, flag: string) => unknown,
  { directory }: ServiceContext,
): string[] {
  return list.items((item) => {
    const text = item.text();
    try {
      read(text, key);
    } catch (error) {
      if (error instanceof CliError) throw item.problem(error.message, error.hint);
      throw error;
    }
    return isLocalCache(text) ? inDirectory(text, directory) : text;
  });
}

/** type=local,src=DIRECTORY or type=local,dest=DIRECTORY */
export function isLocalCache(text: string): boolean {
  return text.split(',').includes('type=local');
}

function inDirectory(cache: string, directory: string): string {
  return cache.replaceAll(/(?<=^|,)(src|dest)=([^,]+)/g, (_, key: string, path: string) => {
    return `${key}=${resolve(directory, path)}`;
  });
}

/** Nothing is attested: that none is wanted is so anyway. */
function refuseAttestation(cursor: ModelCursor): void {
  if (cursor.text() !== 'false') throw cursor.problem('attestations are not supported', 'remove it, or write false');
}

const SECRETS_DIRECTORY = '/run/secrets/';

function readSecrets(list: ModelCursor, { secrets }: ServiceContext): Record<string, Buffer> {
  const found: Record<string, Buffer> = {};
  list.items((item) =>
    item.object(BUILD_SECRET_REFUSALS, (fields) => {
      const source = fields.text('source');
      const target = fields.text('target') || source;
      const secret = secrets.get(source);
      if (secret === undefined) return;
      if (secret.spec === undefined) {
        throw item.problem(`the content of the external secret "${source}" is not known here`, 'give it a file');
      }
      found[target.startsWith(SECRETS_DIRECTORY) ? target.slice(SECRETS_DIRECTORY.length) : target] = secret.spec.data;
    }),
  );
  return found;
}
