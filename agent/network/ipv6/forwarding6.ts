/**
 * net.ipv6.conf.all.forwarding of the host: switched on when the first network with IPv6 needs it, and off again at shutdown
 * if it was us who switched it on. A host that forwards takes no router advertisements any more, and forgets what it
 * has learnt by them, its default route among it, unless accept_ra is 2 (Linux, Documentation/networking/ip-sysctl.rst): so
 * each link that takes them now goes on taking them. A mark on disk remembers all of it across restarts and crashes.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { GantryError } from '../../../proto/errors.ts';
import type { NetworkStore } from '../store.ts';

const ROOT = '/proc/sys/net/ipv6/conf';
const FORWARDING = `${ROOT}/all/forwarding`;
const WHILE_NOT_FORWARDING = '1';
const ALWAYS = '2';
/** Makes no difference to any link. */
const NO_LINK = 'all';

/** True: it was off. `isOurs`: whether a link was made by us, and never takes any. Throws HOST where there is no IPv6. */
export async function enableForwarding6(store: NetworkStore, isOurs: (link: string) => boolean): Promise<boolean> {
  if ((await readSetting(FORWARDING)) === '1') return false;
  const known = await store.readForwarding6();
  const links = (await linksWith(WHILE_NOT_FORWARDING)).filter((link) => link !== NO_LINK && !isOurs(link));
  // The mark first: after a crash between the two, switching off what is off does no harm.
  await store.writeForwarding6({ acceptRa: [...new Set([...(known?.acceptRa ?? []), ...links])] });
  for (const link of links) await writeIfThere(`${ROOT}/${link}/accept_ra`, ALWAYS);
  await writeFile(FORWARDING, '1');
  return true;
}

export async function restoreForwarding6(store: NetworkStore): Promise<void> {
  const known = await store.readForwarding6();
  if (known === undefined) return;
  await writeIfThere(FORWARDING, '0');
  const still = new Set(await linksWith(ALWAYS));
  for (const link of known.acceptRa.filter((one) => still.has(one))) {
    await writeIfThere(`${ROOT}/${link}/accept_ra`, WHILE_NOT_FORWARDING);
  }
  await store.removeForwarding6();
}

/** Throws HOST when this host can't have networks with IPv6. */
export async function requireIpv6Support(): Promise<void> {
  await readSetting(FORWARDING);
}

async function readSetting(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (!isGone(error)) throw error;
    throw new GantryError('HOST', 'this host has no IPv6', {
      hint: 'start its kernel without ipv6.disable=1, or use networks without IPv6',
      cause: error,
    });
  }
}

async function linksWith(value: string): Promise<string[]> {
  const links: string[] = [];
  for (const link of await readdir(ROOT).catch(() => [])) {
    const setting = await readFile(`${ROOT}/${link}/accept_ra`, 'utf8').catch(() => '');
    if (setting.trim() === value) links.push(link);
  }
  return links;
}

/** A link may go at any time. */
async function writeIfThere(file: string, value: string): Promise<void> {
  try {
    await writeFile(file, value);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
