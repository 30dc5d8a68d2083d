/** Platforms that images are for. Source: OCI image spec, image-index.md; containerd's platforms, whose normal forms these are. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { normalArchitecture } from '../../proto/platform.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** v7 of arm; undefined or empty where nothing is said. */
  readonly variant?: string | undefined;
}

/** Of architectures with variants, by number: what one is that doesn't say, and which there are. */
const VARIANTS: Readonly<Record<string, { readonly usual: number; readonly known: readonly number[] }>> = {
  amd64: { usual: 1, known: [1, 2, 3, 4] },
  arm: { usual: 7, known: [5, 6, 7, 8] },
  arm64: { usual: 8, known: [8, 9] },
};

/** What is always said. */
const ALWAYS_SAID = new Set(['arm']);

/** OS[/ARCHITECTURE[/VARIANT]], or an architecture alone; the rest is the host's, as is all of "local". Undefined for what is none. */
export function readPlatform(text: string, host: Platform): Platform | undefined {
  if (text.trim().toLowerCase() === 'local') return host;
  const [os = '', architecture, variant, ...rest] = text.trim().toLowerCase().split('/');
  if (rest.length > 0) return undefined;
  if (os === 'linux') return normal({ os, architecture: architecture ?? host.architecture, variant });
  return architecture === undefined ? normal({ os: host.os, architecture: os }) : undefined;
}

function normal({ os, architecture: named, variant }: Platform): Platform | undefined {
  const architecture = normalArchitecture(named);
  if (!/^[a-z0-9_]+$/.test(architecture)) return undefined;
  const level = variant === undefined ? undefined : /^v?(\d+)$/.exec(variant)?.[1];
  const known = VARIANTS[architecture];
  if (variant !== undefined && !known?.known.includes(Number(level))) return undefined;
  const said = normalVariant({ os, architecture, variant: level && `v${level}` });
  return said === '' ? { os, architecture } : { os, architecture, variant: said };
}

/** Empty for what goes without saying. */
export function normalVariant({ architecture, variant }: Platform): string {
  const usual = VARIANTS[architecture]?.usual;
  if (usual === undefined) return variant ?? '';
  const said = variant || `v${usual}`;
  return said === `v${usual}` && !ALWAYS_SAID.has(architecture) ? '' : said;
}

/** linux/arm64, linux/arm/v7 */
export function platformName(platform: Platform): string {
  const { os, architecture } = platform;
  const variant = normalVariant(platform);
  return [os, architecture, ...(variant === '' ? [] : [variant])].join('/');
}

/**
 * Whether what is for `own` will do where `wanted` is asked for: processors run what was made for earlier variants. What isn't
 * said may be anything.
 */
export function fits(own: Platform, wanted: Platform): boolean {
  return distance(own, wanted) !== undefined;
}

/** 0: the same; undefined: it doesn't fit. */
function distance(own: Platform, wanted: Platform): number | undefined {
  const isSame = (a: string, b: string) => a === '' || b === '' || a === b;
  const [have, want] = [own, wanted].map(({ architecture }) => normalArchitecture(architecture));
  if (!isSame(own.os.toLowerCase(), wanted.os.toLowerCase()) || !isSame(have ?? '', want ?? '')) return undefined;
  const behind = level(wanted) - level(own);
  if (behind >= 0) return behind;
  // Which variant a host is isn't known: what it doesn't run is better than nothing.
  return wanted.variant ? undefined : FAR - behind;
}

const FAR = 100;

function level(platform: Platform): number {
  const { architecture, variant } = platform;
  const usual = VARIANTS[normalArchitecture(architecture)]?.usual ?? 0;
  const said = Number(/^v(\d+)/.exec(variant ?? '')?.[1] ?? usual);
  return usual === 0 ? 0 : said;
}

/** The one that fits best, the first of equals. One of no platform is for all. */
export function chooseFor<Item>(
  items: readonly Item[],
  platformOf: (item: Item) => Platform | undefined,
  wanted: Platform,
): Item | undefined {
  let best: { readonly item: Item; readonly far: number } | undefined;
  for (const item of items) {
    const platform = platformOf(item);
    const far = platform === undefined ? 2 * FAR : distance(platform, wanted);
    if (far !== undefined && (best === undefined || far < best.far)) best = { item, far };
  }
  return best?.item;
}

/** As {@link readPlatform}. Throws INVALID_ARGUMENT. */
export function requirePlatformOn(text: string, host: Platform): Platform {
  const platform = readPlatform(text, host);
  if (platform !== undefined) return platform;
  throw new GantryError('INVALID_ARGUMENT', `invalid platform ${JSON.stringify(text)}`, {
    hint: 'write OS/ARCHITECTURE, such as linux/arm64',
  });
}

/** Of --platform of a build: each once, in the order that they are written; none when it is empty. Throws UNSUPPORTED. */
export function parseTargetPlatforms(text: string, host: Platform): Platform[] {
  const wanted = text.split(',').filter((one) => one.trim() !== '');
  const parsed = wanted.map((one) => {
    const platform = readPlatform(one, host);
    if (platform !== undefined) return platform;
    throw new GantryError('UNSUPPORTED', `building for ${one.trim()} is not supported on ${platformName(host)}`, {
      hint: 'write linux/ARCHITECTURE, such as linux/arm64',
    });
  });
  return [...new Map(parsed.map((platform) => [platformName(platform), platform])).values()];
}
