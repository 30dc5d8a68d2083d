/**
 * Platforms as the cluster knows them: without variants, of which nodes say nothing. Which variant an image is for is its host's
 * affair. Source: the Compose specification, `platform`; swarmkit's PlatformFilter.
 */
import type { Platform } from './generated/gantry/v1/types.ts';

/** The kernel's name of a machine, or Go's. */
export function normalArchitecture(name: string): string {
  const lower = name.toLowerCase();
  return GO_NAMES.get(lower) ?? lower;
}

const GO_NAMES: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'amd64'],
  ['x86-64', 'amd64'],
  ['aarch64', 'arm64'],
  ['i386', '386'],
  ['i686', '386'],
  ['armv7l', 'arm'],
]);

/** What each architecture is at least. */
const VARIANTS: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8' };

/** linux, linux/amd64; and linux/arm64/v8, linux/amd64/v1. Undefined for what isn't one, or names another variant. */
export function parsePlatform(text: string): Platform | undefined {
  const match = /^([a-z0-9_-]+)(?:\/([a-z0-9_-]+)(?:\/(v\d+))?)?$/i.exec(text);
  if (match === null) return undefined;
  const architecture = normalArchitecture(match[2] ?? '');
  if (match[3] !== undefined && match[3].toLowerCase() !== VARIANTS[architecture]) return undefined;
  return { os: (match[1] ?? '').toLowerCase(), architecture };
}

export function platformText({ os, architecture }: Platform): string {
  return architecture === '' ? os : `${os || 'any'}/${architecture}`;
}

/** Whether what is for `wanted` runs on a node of platform `own`; what either doesn't say may be anything. */
export function fitsPlatform(wanted: Platform, own: Platform | undefined): boolean {
  const same = (a: string, b: string | undefined) => a === '' || !b || a === b;
  const architecture = own && normalArchitecture(own.architecture);
  return (
    same(wanted.os.toLowerCase(), own?.os.toLowerCase()) && same(normalArchitecture(wanted.architecture), architecture)
  );
}
