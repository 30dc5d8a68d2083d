/** Resource limits (setrlimit(2)) of a container's process. */
import { GantryError } from '../../../proto/errors.ts';
import type { Ulimit } from '../../../proto/generated/gantry/v1/types.ts';
import type { OciRlimit } from './oci.ts';

const NAMES = new Set([
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]);

/** RLIM_INFINITY; written to config.json as the 64 ones that the OCI specification asks for (see serialize.ts). */
const UNLIMITED = -1;

/** What systemd gives services; Node has raised its own soft limit to the hard one, which old programs loop over. */
const DEFAULT_NOFILE_SOFT = 1024;

/**
 * The limits asked for, and the usual one on open files where none is.
 * `hardNofile`: gantryd's own hard limit, -1 for unlimited. Throws INVALID_ARGUMENT.
 */
export function buildRlimits(ulimits: readonly Ulimit[], hardNofile: number): OciRlimit[] {
  const limits = new Map([['nofile', defaultNofile(hardNofile)]]);
  for (const ulimit of ulimits) {
    validateUlimit(ulimit);
    limits.set(ulimit.name, rlimit(ulimit.name, ulimit.soft, ulimit.hard));
  }
  return [...limits.values()];
}

function defaultNofile(hard: number): OciRlimit {
  const soft = hard === UNLIMITED ? DEFAULT_NOFILE_SOFT : Math.min(DEFAULT_NOFILE_SOFT, hard);
  return rlimit('nofile', soft, hard);
}

function rlimit(name: string, soft: number, hard: number): OciRlimit {
  return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}

export function validateUlimit({ name, soft, hard }: Ulimit): void {
  if (!NAMES.has(name)) {
    throw new GantryError('INVALID_ARGUMENT', `unknown ulimit "${name}"`, { hint: `one of ${[...NAMES].join(', ')}` });
  }
  if (soft < UNLIMITED || hard < UNLIMITED) {
    throw new GantryError('INVALID_ARGUMENT', `ulimit ${name}=${soft}:${hard} is negative`, {
      hint: 'write -1 for unlimited',
    });
  }
  if (hard !== UNLIMITED && (soft === UNLIMITED || soft > hard)) {
    throw new GantryError('INVALID_ARGUMENT', `ulimit ${name}=${soft}:${hard} has a soft limit above the hard one`);
  }
}
