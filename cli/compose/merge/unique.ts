/** Lists in which a later item takes the place of an earlier one that means the same thing. */
import { cleanTarget, parseMount } from '../forms/mount.ts';
import { longPorts } from '../forms/port.ts';
import { contentOf, type Tree, textIn } from '../syntax/tree.ts';
import { patternOf } from './rules.ts';

/** What an item is the same as another by; undefined: it is like no other. */
type KeyOf = (item: Tree) => string | undefined;

const KEYS: ReadonlyMap<string, KeyOf> = new Map<string, KeyOf>([
  ['services.*.build.tags', wordKey],
  ['services.*.cap_add', wordKey],
  ['services.*.cap_drop', wordKey],
  ['services.*.configs', (item) => fileKey(item, '')],
  ['services.*.devices', deviceKey],
  ['services.*.dns', wordKey],
  ['services.*.dns_opt', wordKey],
  ['services.*.dns_search', wordKey],
  ['services.*.env_file', (item) => textOf(item) ?? textIn(item, 'path')],
  ['services.*.expose', textOf],
  ['services.*.label_file', textOf],
  ['services.*.links', wordKey],
  ['services.*.networks.*.aliases', wordKey],
  ['services.*.networks.*.link_local_ips', wordKey],
  ['services.*.ports', portKey],
  ['services.*.profiles', wordKey],
  ['services.*.secrets', (item) => fileKey(item, '/run/secrets')],
  ['services.*.tmpfs', wordKey],
  ['services.*.volumes', mountKey],
]);

/** What patterns end with: looked at first, since most lists are others. */
const LAST_KEYS = new Set([...KEYS.keys()].map((pattern) => pattern.split('.').at(-1)));

export function hasUniqueItems(path: readonly string[]): boolean {
  return LAST_KEYS.has(path.at(-1)) && KEYS.has(patternOf(path));
}

/** Of a service: where such lists are further down. */
const KEYS_ON_WAY = new Set([...KEYS.keys()].flatMap((pattern) => pattern.split('.').slice(2, -1)));

/** False: no such list is in the mapping at the path. */
export function isOnWay(path: readonly string[]): boolean {
  const [section, , key] = path;
  return (section ?? 'services') === 'services' && (key === undefined || KEYS_ON_WAY.has(key));
}

/** The items of the list at the path, each once: where the first was, what the last says. In any other list, what says the same. */
export function uniqueItems(items: readonly Tree[], path: readonly string[]): Tree[] {
  const pattern = patternOf(path);
  const keyOf = KEYS.get(pattern);
  const all = pattern === 'services.*.ports' ? items.flatMap(longPorts) : items;
  const found = new Map<string, Tree>();
  all.forEach((item, index) => {
    const key = keyOf === undefined ? contentOf(item) : (keyOf(item) ?? `\0${index}`);
    found.set(key, item);
  });
  return [...found.values()];
}

function textOf(item: Tree): string | undefined {
  return item.kind === 'scalar' ? item.text : undefined;
}

function wordKey(item: Tree): string | undefined {
  return textOf(item)?.split('=', 1)[0];
}

function fileKey(item: Tree, directory: string): string | undefined {
  const name = textOf(item) ?? textIn(item, 'source');
  return textIn(item, 'target') ?? (name === undefined ? undefined : `${directory}/${name}`);
}

function portKey(item: Tree): string | undefined {
  const target = textIn(item, 'target');
  if (target === undefined) return textOf(item);
  const host = textIn(item, 'host_ip') ?? '0.0.0.0';
  return `${host}:${textIn(item, 'published') ?? ''}:${target}/${textIn(item, 'protocol') ?? 'tcp'}`;
}

/** "/data/" and "/data" are one place. */
function mountKey(item: Tree): string | undefined {
  const text = textOf(item);
  if (text === undefined) {
    const target = textIn(item, 'target');
    return target === undefined ? undefined : cleanTarget(target);
  }
  const mount = parseMount(text);
  return typeof mount === 'string' ? undefined : cleanTarget(mount.target);
}

function deviceKey(item: Tree): string | undefined {
  const text = textOf(item);
  if (text === undefined) return textIn(item, 'target') ?? textIn(item, 'source');
  const [source, target] = text.split(':');
  return target ?? source;
}
