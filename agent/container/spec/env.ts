/** The environment of a container's process, and of those that join it. */

/** Where programs are looked for when nobody says. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface EnvironmentRequest {
  readonly image: readonly string[];
  readonly container: readonly string[];
  /** Empty: no HOSTNAME. */
  readonly hostname: string;
  /** From the container's /etc/passwd. */
  readonly home: string;
  readonly tty: boolean;
}

/**
 * KEY=VALUE, each key once, in the order in which they came up: defaults, image, container; the later one wins.
 * An entry without "=" removes the key, as with `docker run -e KEY` where KEY isn't set.
 */
export function buildEnvironment(request: EnvironmentRequest): string[] {
  const defaults = [`PATH=${DEFAULT_PATH}`];
  if (request.hostname !== '') defaults.push(`HOSTNAME=${request.hostname}`);
  if (request.tty) defaults.push('TERM=xterm');
  const env = overlayEnvironment(defaults, [...request.image, ...request.container]);
  return overlayEnvironment([`HOME=${request.home}`], env);
}

/** `base` with the entries of `changes` set, replaced or (without "=") removed. */
export function overlayEnvironment(base: readonly string[], changes: readonly string[]): string[] {
  const env = new Map<string, string>();
  for (const entry of [...base, ...changes]) {
    const equals = entry.indexOf('=');
    if (equals === -1) env.delete(entry);
    else env.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return [...env].map(([key, value]) => `${key}=${value}`);
}
