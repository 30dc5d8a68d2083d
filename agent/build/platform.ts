/** Platforms as users write them: "linux/amd64", "amd64", "linux/arm64/v8". Pure. */
import { GantryError } from '../../proto/errors.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
}

const OTHER_NAMES: Readonly<Record<string, string>> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64' };
/** What each architecture is at least. */
const VARIANTS: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8' };

/** Throws UNSUPPORTED unless each of the platforms, with commas between, is the host's own. */
export function checkPlatform(text: string, host: Platform): void {
  const foreign = text.split(',').find((one) => one.trim() !== '' && !isOwn(one.trim().toLowerCase(), host));
  if (foreign === undefined) return;
  const own = `${host.os}/${host.architecture}`;
  throw new GantryError('UNSUPPORTED', `building for ${foreign.trim()} is not supported on ${own}`, {
    hint: 'build on a host of that platform',
  });
}

function isOwn(text: string, { os, architecture }: Platform): boolean {
  const parts = text.split('/');
  const [first = '', second, variant] = parts.length === 1 ? [os, parts[0]] : parts;
  const wanted = OTHER_NAMES[second ?? ''] ?? second;
  if (parts.length === 1 && text === os) return true;
  return first === os && wanted === architecture && (variant === undefined || variant === VARIANTS[architecture]);
}
