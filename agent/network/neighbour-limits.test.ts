/** The kernel's limits of neighbours, as an agent of the initial network namespace raises them, and as others can't. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { native } from '../../native/addon/native.ts';
import { HostLinks } from './host-links.ts';
import { ENOUGH, raiseNeighbourLimits, restoreNeighbourLimits } from './neighbour-limits.ts';
import { type NeighbourTable, setNeighbourTable } from './netlink/neighbour-table.ts';
import { NetworkStore } from './store.ts';
import { Lab } from './testing/lab.ts';

const isRoot = process.getuid?.() === 0;
/** No other network namespace shows them. */
const isInitial = isRoot && existsSync('/proc/sys/net/ipv4/neigh/default/gc_thresh3');

describe.skipIf(!isInitial)('limits of neighbours', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-neighbour-limits-'));
  const store = new NetworkStore(directory, pino({ level: 'silent' }));
  const links = new HostLinks(native, 'limits');
  let before: NeighbourTable[] = [];

  const sysctl = (name: string) => Number(readFileSync(`/proc/sys/net/${name}`, 'utf8'));

  beforeAll(async () => {
    before = await links.neighbourTables();
  });

  afterAll(async () => {
    await links.run(before.map(setNeighbourTable), []);
    await links.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('are read as they are', () => {
    expect(before).toEqual(
      [
        ['arp_cache', 'ipv4'],
        ['ndisc_cache', 'ipv6'],
      ].map(([name, family]) => ({
        name,
        soft: sysctl(`${family}/neigh/default/gc_thresh2`),
        hard: sysctl(`${family}/neigh/default/gc_thresh3`),
      })),
    );
  });

  it('are raised, also after a crash, never lowered, and set back to what they were', async () => {
    await raiseNeighbourLimits(links, store);
    await raiseNeighbourLimits(links, new NetworkStore(directory, pino({ level: 'silent' })));
    for (const { soft, hard } of await links.neighbourTables()) {
      expect(soft).toBeGreaterThanOrEqual(ENOUGH.soft);
      expect(hard).toBeGreaterThanOrEqual(ENOUGH.hard);
    }
    const high = before.map(({ name }) => ({ name, soft: ENOUGH.soft + 1, hard: ENOUGH.hard + 1 }));
    await links.run(high.map(setNeighbourTable), []);
    await raiseNeighbourLimits(links, store);
    await restoreNeighbourLimits(links, store);
    // Somebody else's since.
    expect(await links.neighbourTables()).toEqual(high);
    await links.run(before.map(setNeighbourTable), []);
    await raiseNeighbourLimits(links, store);
    await restoreNeighbourLimits(links, store);
    expect(await links.neighbourTables()).toEqual(before);
  });
});

describe.skipIf(!isRoot)('a host that may not raise them', { timeout: 30_000 }, () => {
  const lab = new Lab();

  beforeAll(() => lab.start());
  afterAll(() => lab.stop());

  it('starts, and stops, as if nothing was', async () => {
    const before = await lab.kernelState();
    await lab.startEngine([]);
    await lab.engine.call('shutdown');
    expect(await lab.kernelState()).toBe(before);
    await lab.startEngine([]);
  });
});
