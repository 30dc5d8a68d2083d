import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native } from '../../native/addon/native.ts';
import { clearParts, partsRoot, VolumeParts } from './volume-parts.ts';

const MS_SHARED = 0x100000;
const MNT_DETACH = 2;
const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('a part of a volume', () => {
  let dir: string;
  let volume: string;
  let execRoot: string;
  let mounted: string[];

  async function mountTmpfs(place: string): Promise<void> {
    mkdirSync(place, { recursive: true });
    await native.mount('tmpfs', place, 'tmpfs', 0, '');
    mounted.unshift(place);
  }

  /** A volume on a shared mount, as all are under systemd, with another below the part. */
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-parts-'));
    [volume, execRoot, mounted] = [join(dir, 'volume'), join(dir, 'run'), []];
    await mountTmpfs(volume);
    await native.mount('', volume, '', MS_SHARED, '');
    await mountTmpfs(join(volume, 'part', 'below'));
    writeFileSync(join(volume, 'part', 'below', 'file'), '');
  });

  afterEach(async () => {
    for (const place of mounted) await native.unmount(place, MNT_DETACH).catch(() => undefined);
    rmSync(dir, { recursive: true });
  });

  it('has what is mounted below it, which stays on the host when it is let go', async () => {
    const parts = new VolumeParts(native, execRoot, 'c1');
    const place = await parts.open('data', volume, 'part');
    expect(readdirSync(join(place, 'below'))).toEqual(['file']);
    await parts.close();
    expect(readdirSync(join(volume, 'part', 'below'))).toEqual(['file']);
    expect(readdirSync(partsRoot(execRoot))).toEqual([]);
  });

  it('leaves the same on the host when it is cleared after gantryd was killed', async () => {
    await new VolumeParts(native, execRoot, 'c1').open('data', volume, 'part');
    await clearParts(native, execRoot);
    expect(readdirSync(join(volume, 'part', 'below'))).toEqual(['file']);
    expect(readdirSync(partsRoot(execRoot))).toEqual([]);
  });
});
