import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { RecordStore } from './record-store.ts';
import { newRecord, type TaskRecord } from './task-record.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-records-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

function open(): RecordStore {
  return new RecordStore(dir, pino({ level: 'silent' }));
}

function record(message: string): TaskRecord {
  return newRecord(Task.fromPartial({ id: 't1', status: { state: TaskState.RUNNING, message } }));
}

function messages(store: RecordStore): (string | undefined)[] {
  return store.load().map(({ status }) => status.message);
}

describe('records of tasks', () => {
  it('are found as they were last saved, however often', () => {
    const store = open();
    for (let change = 1; change <= 100; change += 1) store.save(record(`change ${change}`));
    expect(messages(open())).toEqual(['change 100']);
    expect(readFileSync(join(dir, 't1.json'), 'utf8').split('\n').length).toBeLessThan(40);
  });

  it('go on after a kill in the middle of a write', () => {
    open().save(record('whole'));
    appendFileSync(join(dir, 't1.json'), '{"task":{"id":"t1"},"sta');
    const next = open();
    expect(messages(next)).toEqual(['whole']);
    next.save(record('later'));
    expect(messages(open())).toEqual(['later']);
  });

  it('of an agent that wrote them without a line end are read', () => {
    writeFileSync(join(dir, 't1.json'), JSON.stringify(record('old')));
    expect(messages(open())).toEqual(['old']);
  });

  it('are gone when they are removed, and begin anew', () => {
    const store = open();
    store.save(record('first'));
    store.remove('t1');
    expect(messages(open())).toEqual([]);
    store.save(record('second'));
    expect(messages(open())).toEqual(['second']);
  });
});
