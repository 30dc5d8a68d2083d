/**
 * Records of tasks as files, one each, so that a new agent goes on where the last one was killed. Secrets and
 * configs aren't part of a task, only their ids are. Synchronous: the files are small, stay in the page cache, and
 * so no two changes of a record can overtake each other.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Task, TaskStatus } from '../../proto/generated/gantry/v1/types.ts';
import { lastRecord, RecordLines } from '../files/record-lines.ts';
import type { TaskRecord } from './task-record.ts';

const SUFFIX = '.json';

export class RecordStore {
  readonly #dir: string;
  readonly #logger: Logger;
  readonly #lines = new RecordLines();

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
    this.#lines.write(this.#path(record.task.id), JSON.stringify(record));
  }

  remove(taskId: string): void {
    const path = this.#path(taskId);
    this.#lines.forget(path);
    rmSync(path, { force: true });
  }

  #path(taskId: string): string {
    return join(this.#dir, `${taskId}${SUFFIX}`);
  }

  #read(path: string): TaskRecord | undefined {
    try {
      return decodeRecord(JSON.parse(lastRecord(readFileSync(path, 'utf8'))));
    } catch (error) {
      this.#logger.warn({ path, err: error }, 'unreadable record of a task; dropping it');
      return undefined;
    }
  }
}

function decodeRecord(value: unknown): TaskRecord {
  const { task, status, failure, restartsMs, hooksDone, preStartsDone, assigned } = value as Partial<TaskRecord>;
  if (task?.id === undefined || status === undefined) throw new Error('not a record of a task');
  // fromPartial: fields that an older agent didn't know get their defaults.
  return {
    task: Task.fromPartial(task),
    status: TaskStatus.fromPartial(status),
    failure: failure ?? '',
    restartsMs: restartsMs ?? [],
    hooksDone: hooksDone ?? 0,
    preStartsDone: preStartsDone ?? 0,
    assigned: assigned ?? true,
  };
}
