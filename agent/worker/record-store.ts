/**
 * Records of tasks as files, one each, so that a new agent goes on where the last one was killed. Secrets and
 * configs aren't part of a task, only their ids are. Synchronous: the files are small, stay in the page cache, and
 * so no two changes of a record can overtake each other.
 *
 * Each line of a file is the record as it was at some time; the last whole one counts. A change is one write at the
 * file's end: to replace the file each time took ten times as long, as that makes a file, deletes another, and on ext4
 * has the new one's blocks allocated at once.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Task, TaskStatus } from '../../proto/generated/gantry/v1/types.ts';
import type { TaskRecord } from './task-record.ts';

const SUFFIX = '.json';
/** A file with so many is replaced by one that has only the last. */
const MAX_LINES = 32;

export class RecordStore {
  readonly #dir: string;
  readonly #logger: Logger;
  /** Of the files that end with a whole line. */
  readonly #lines = new Map<string, number>();

  /** `dir` is made when missing. */
  constructor(dir: string, logger: Logger) {
    this.#dir = dir;
    this.#logger = logger;
  }

  /** All records. What can't be read is dropped: its container is then found to belong to nobody, and cleared away. */
  load(): TaskRecord[] {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const records: TaskRecord[] = [];
    for (const name of readdirSync(this.#dir)) {
      const path = join(this.#dir, name);
      const record = name.endsWith(SUFFIX) ? this.#read(path) : undefined;
      if (record !== undefined) records.push(record);
      else rmSync(path, { force: true });
    }
    return records;
  }

  /**
   * Survives the agent, not the host, and so needs no fsync: after a crash of the host no container runs, and
   * the manager says again what is assigned.
   */
  save(record: TaskRecord): void {
    const { id } = record.task;
    const [path, text] = [this.#path(id), `${JSON.stringify(record)}\n`];
    const lines = this.#lines.get(id) ?? MAX_LINES;
    // Should the write fail halfway, the file isn't appended to again.
    this.#lines.delete(id);
    if (lines < MAX_LINES) appendFileSync(path, text);
    else {
      writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
      renameSync(`${path}.tmp`, path);
    }
    this.#lines.set(id, lines < MAX_LINES ? lines + 1 : 1);
  }

  remove(taskId: string): void {
    this.#lines.delete(taskId);
    rmSync(this.#path(taskId), { force: true });
  }

  #path(taskId: string): string {
    return join(this.#dir, `${taskId}${SUFFIX}`);
  }

  #read(path: string): TaskRecord | undefined {
    try {
      return decodeRecord(JSON.parse(lastLine(readFileSync(path, 'utf8'))));
    } catch (error) {
      this.#logger.warn({ path, err: error }, 'unreadable record of a task; dropping it');
      return undefined;
    }
  }
}

/** Without what was cut off while it was written; an agent that wrote one record to a file ended it without a line end. */
function lastLine(text: string): string {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).trimEnd();
  return whole === '' ? text : whole.slice(whole.lastIndexOf('\n') + 1);
}

function decodeRecord(value: unknown): TaskRecord {
  const { task, status, failure, restartsMs, assigned } = value as Partial<TaskRecord>;
  if (task?.id === undefined || status === undefined) throw new Error('not a record of a task');
  // fromPartial: fields that an older agent didn't know get their defaults.
  return {
    task: Task.fromPartial(task),
    status: TaskStatus.fromPartial(status),
    failure: failure ?? '',
    restartsMs: restartsMs ?? [],
    assigned: assigned ?? true,
  };
}
