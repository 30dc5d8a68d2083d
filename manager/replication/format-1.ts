/** Logs of format 1, which were not sealed: what they look like, and how they become the present format. */
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open } from 'lmdb';
import { GantryError } from '../../proto/errors.ts';
import { syncDirectory } from '../encryption/key-file.ts';
import type { Entry, HardState, PeerId } from '../raft/message.ts';
import { DurableLog, type LogContent } from './durable-log.ts';
import { encodeLogEntry } from './log-entry.ts';
import { LOG_FILE, removeLog } from './log-file.ts';
import { checksumSealer } from './record.ts';
import type { Sealer } from './sealer.ts';

const TERM_BYTES = 8;
const NEW_FILE = 'raft-new.lmdb';

type Records = Database<Buffer, string>;
type Entries = Database<Buffer, number>;

/**
 * Seals a log of format 1 and leaves any other alone. Into a file of its own: LMDB doesn't wipe the pages that it frees.
 * Crash points: before the rename nothing has happened, after it the log is of the present format.
 */
export async function migrateFormat1(dir: string, sealer: Sealer): Promise<void> {
  removeLog(dir, NEW_FILE);
  const content = await readFormat1(dir);
  if (content === undefined) return;
  const [owner = ''] = content.snapshot.configuration.voters;
  const sealed = new DurableLog(dir, sealer, owner, NEW_FILE);
  try {
    await sealed.reset(content);
  } finally {
    await sealed.close();
  }
  renameSync(join(dir, NEW_FILE), join(dir, LOG_FILE));
  removeLog(dir, NEW_FILE);
  syncDirectory(dir);
}

/** Undefined when there is no log, or one of another format. CORRUPT. */
async function readFormat1(dir: string): Promise<LogContent | undefined> {
  const path = join(dir, LOG_FILE);
  if (!existsSync(path)) return undefined;
  const root = open({ path, encoding: 'binary' });
  try {
    const records: Records = root.openDB({ name: 'records', encoding: 'binary' });
    const format = records.get('format');
    if (format === undefined || checked('format', format).toString() !== '1') return undefined;
    return readContent(records, root.openDB({ name: 'entries', encoding: 'binary' }));
  } finally {
    await root.close();
  }
}

/** There was one voter, and nobody else had to know its address. */
function readContent(records: Records, entries: Entries): LogContent {
  const { voters, ...about } = readJson<{ index: number; term: number; voters: PeerId[] }>(records, 'snapshot');
  const configuration = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const data = Buffer.from(checked('snapshot-data', records.get('snapshot-data')));
  return {
    hardState: readJson<HardState>(records, 'hard-state'),
    snapshot: { ...about, configuration, data, members: voters.map((id) => ({ id, address: '' })) },
    entries: [...entries.getRange({ start: about.index + 1 })].map(({ key, value }) => decodeEntry(key, value)),
  };
}

function readJson<Content>(records: Records, name: string): Content {
  return JSON.parse(checked(name, records.get(name)).toString()) as Content;
}

function decodeEntry(index: number, record: Buffer): Entry {
  // Copied: LMDB's own memory is only valid until the next read.
  const content = checked(`entry ${index}`, Buffer.from(record));
  const change = content.subarray(TERM_BYTES);
  // A leader's first entry of its term was, and is, an empty one.
  const data = change.byteLength === 0 ? change : encodeLogEntry({ kind: 'change', data: change });
  return { index, term: Number(content.readBigUInt64BE(0)), kind: 'normal', data };
}

function checked(name: string, record: Buffer | undefined): Buffer {
  const content = record === undefined ? undefined : checksumSealer.unseal(name, record);
  if (content !== undefined) return content;
  throw new GantryError('CORRUPT', `the replicated log is damaged: the checksum of its ${name} does not fit`, {
    hint: 'restore the directory from a backup; without one, "gantry cluster leave --force" and begin a new cluster',
  });
}
