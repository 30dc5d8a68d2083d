/** What tests of images share: stores in a scratch directory, tars from lists of entries, a small root file system. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { native } from '../../../native/addon/native.ts';
import { ImageStore } from '../image-store.ts';
import { SnapshotStore } from '../snapshot-store.ts';
import { END_OF_ARCHIVE, encodeHeader, padding } from '../tar/encoder.ts';
import type { TarHeader } from '../tar/header.ts';

export const isRoot = process.getuid?.() === 0;
export const BUSYBOX = '/bin/busybox';
export const hasBusybox = existsSync(BUSYBOX);

export interface TestEntry extends Partial<Omit<TarHeader, 'size'>> {
  readonly name: string;
  readonly data?: string | Buffer;
}

const DEFAULTS: Omit<TarHeader, 'name' | 'type' | 'size'> = {
  linkName: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 1_600_000_000,
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
};

/** A tar of the entries; those whose name ends in a slash are directories. */
export function makeTar(entries: readonly TestEntry[]): Buffer {
  const parts = entries.flatMap(({ data, ...entry }) => {
    const content = Buffer.from(data ?? '');
    const type = entry.type ?? (entry.name.endsWith('/') ? 'directory' : 'file');
    const mode = entry.mode ?? (type === 'directory' ? 0o755 : 0o644);
    return [
      encodeHeader({ ...DEFAULTS, ...entry, type, mode, size: content.length }),
      content,
      padding(content.length),
    ];
  });
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}

/** Pieces of a size that cuts through headers and data. */
export async function* inPieces(data: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < data.length; offset += size) yield data.subarray(offset, offset + size);
}

export class TestStores {
  readonly dir = mkdtempSync(join(tmpdir(), 'gantry-image-test-'));
  images: ImageStore;
  snapshots: SnapshotStore;
  now = 1_700_000_000_000;

  constructor() {
    [this.images, this.snapshots] = this.#make();
  }

  /** `openOthers`: who else keeps content. */
  async open(openOthers: () => Promise<void> = async () => undefined): Promise<this> {
    await this.images.open();
    await this.snapshots.open();
    await openOthers();
    this.images.garbage.start();
    return this;
  }

  /** As after a restart of the agent. */
  async reopen(openOthers?: () => Promise<void>): Promise<void> {
    await this.images.close();
    [this.images, this.snapshots] = this.#make();
    await this.open(openOthers);
  }

  async dispose(): Promise<void> {
    await this.images.close();
    await this.snapshots.settled();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #make(): [ImageStore, SnapshotStore] {
    const logger = pino({ level: 'silent' });
    const images = new ImageStore({ dir: this.dir, clock: () => this.now++, random: randomBytes, native, logger });
    return [images, new SnapshotStore({ dir: this.dir, images, native, random: randomBytes, logger })];
  }
}
