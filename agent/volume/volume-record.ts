/** What is kept of a volume beside its data: DIR/NAME/volume.json. */
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';

const RECORD = 'volume.json';

export interface VolumeRecord {
  readonly name: string;
  readonly driver: string;
  readonly driverOpts: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /**
   * empty: never filled from an image. filling: being copied; found after a crash, what is there is half a copy.
   * filled: the data are the user's.
   */
  readonly content: 'empty' | 'filling' | 'filled';
}

/** Undefined when the directory has no record: a volume that was never quite made. Throws CORRUPT. */
export async function readVolumeRecord(directory: string): Promise<VolumeRecord | undefined> {
  const path = join(directory, RECORD);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isVolumeRecord(value)) return value;
    throw new Error('not a volume record');
  } catch (cause) {
    throw new GantryError('CORRUPT', `cannot read the volume record ${path}`, { cause });
  }
}

/** On disk when it resolves. */
export async function writeVolumeRecord(directory: string, record: VolumeRecord): Promise<void> {
  const path = join(directory, RECORD);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(record, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

function isVolumeRecord(value: unknown): value is VolumeRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { name, driver, driverOpts, labels, createdAtMs, content } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    typeof driver === 'string' &&
    isStringRecord(driverOpts) &&
    isStringRecord(labels) &&
    typeof createdAtMs === 'number' &&
    (content === 'empty' || content === 'filling' || content === 'filled')
  );
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((item) => typeof item === 'string');
}
