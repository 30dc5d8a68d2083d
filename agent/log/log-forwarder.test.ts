import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Retry } from '../../proto/log/sent-log.ts';
import { until } from '../../test/lab/until.ts';
import type { CriRecord } from './cri-record.ts';
import { LogForwarder, retryDelayMs } from './log-forwarder.ts';
import type { LogSink } from './sinks/log-sink.ts';

let directory: string;
let path: string;
let running: { forwarder: LogForwarder; ended: Promise<void> }[];
let warnings: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-forward-'));
  path = join(directory, 'log');
  running = [];
  warnings = [];
});

afterEach(async () => {
  for (const { forwarder } of running) forwarder.stop();
  await Promise.all(running.map(({ ended }) => ended));
  rmSync(directory, { recursive: true, force: true });
});

let second = 0;

function record(data: string): string {
  second += 1;
  return `${new Date(1_800_000_000_000 + second * 1000).toISOString().slice(0, 19)}.000000000Z stdout F ${data}\n`;
}

class MemorySink implements LogSink {
  readonly lines: string[] = [];
  isAway: boolean = false;
  attempts = 0;

  async send(records: readonly CriRecord[]): Promise<void> {
    this.attempts += 1;
    if (this.isAway) throw new Error('nobody is there');
    this.lines.push(...records.map(({ data }) => data.toString()));
  }

  close(): void {
    // Nothing is held.
  }
}

function start(sink: LogSink, options: { retry?: Retry; fullPath?: string } = {}): LogForwarder {
  const logger = pino({}, { write: (text: string) => void warnings.push(JSON.parse(text).msg) });
  const forwarder = new LogForwarder({
    logPath: path,
    placePath: join(directory, 'sent.json'),
    sink,
    retry: options.retry ?? { delayMs: 5, limit: undefined },
    fullPath: options.fullPath,
    logger,
  });
  running.push({ forwarder, ended: forwarder.run() });
  return forwarder;
}

async function finish(forwarder: LogForwarder): Promise<void> {
  forwarder.end();
  await running.find((one) => one.forwarder === forwarder)?.ended;
}

async function kill(forwarder: LogForwarder): Promise<void> {
  forwarder.stop();
  await running.find((one) => one.forwarder === forwarder)?.ended;
}

function turnOver(files = 3): void {
  for (let number = files - 2; number >= 1; number--) {
    if (existsSync(`${path}.${number}`)) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
  }
  renameSync(path, `${path}.1`);
}

describe('LogForwarder', () => {
  it('goes on while it can not keep how far it is, says so once, and keeps it when it can', async () => {
    const place = join(directory, 'sent.json');
    // Nothing can be written in its place, as on a full disk.
    mkdirSync(`${place}.new`);
    writeFileSync(path, record('a'));
    const sink = new MemorySink();
    const forwarder = start(sink);
    await until('the first line', () => sink.lines.length === 1);
    appendFileSync(path, record('b'));
    await until('the second line', () => sink.lines.length === 2);
    expect(warnings).toEqual(["how far a container's log was sent can't be kept"]);
    rmSync(`${place}.new`, { recursive: true });
    appendFileSync(path, record('c'));
    await finish(forwarder);
    expect(sink.lines).toEqual(['a', 'b', 'c']);
    expect(existsSync(place)).toBe(true);
  });

  it('sends what there is, and what comes, until the container has ended', async () => {
    writeFileSync(path, record('a'));
    const sink = new MemorySink();
    const forwarder = start(sink);
    await until('the first line', () => sink.lines.length === 1);
    appendFileSync(path, record('b'));
    await until('the second line', () => sink.lines.length === 2);
    appendFileSync(path, record('c'));
    await finish(forwarder);
    expect(sink.lines).toEqual(['a', 'b', 'c']);
    expect(forwarder.goOn()).toBe(false);
  });

  it('goes on where it was left, over turn-overs', async () => {
    writeFileSync(path, record('a') + record('b'));
    const first = new MemorySink();
    await finish(start(first));
    appendFileSync(path, record('c'));
    turnOver();
    writeFileSync(path, record('d'));
    const second = new MemorySink();
    await finish(start(second));
    expect([first.lines, second.lines]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(warnings).toEqual([]);
  });

  it('keeps what a receiver that is away has missed, and no more in memory than a chunk', async () => {
    const line = 'x'.repeat(1000);
    writeFileSync(path, Array.from({ length: 500 }, (_, at) => record(`${at} ${line}`)).join(''));
    const sink = new MemorySink();
    sink.isAway = true;
    const forwarder = start(sink);
    await until('some attempts', () => sink.attempts > 3);
    await kill(forwarder);
    expect(existsSync(join(directory, 'sent.json'))).toBe(false);
    const back = new MemorySink();
    let largest = 0;
    const send = back.send.bind(back);
    back.send = (records) => {
      largest = Math.max(largest, records.length);
      return send(records);
    };
    await finish(start(back));
    expect(back.lines.map((text) => Number(text.split(' ')[0]))).toEqual(Array.from({ length: 500 }, (_, at) => at));
    expect(largest).toBeLessThan(70);
    expect(warnings).toEqual(["a container's log can't be sent, and is kept until it can"]);
  });

  it('tells when the receiver is back', async () => {
    writeFileSync(path, record('a'));
    const sink = new MemorySink();
    sink.isAway = true;
    const forwarder = start(sink);
    await until('some attempts', () => sink.attempts > 1);
    sink.isAway = false;
    await finish(forwarder);
    expect(sink.lines).toEqual(['a']);
    expect(warnings.at(-1)).toBe("the receiver of a container's log is there again");
  });

  it('gives lines up where it is told to', async () => {
    writeFileSync(path, record('a'));
    const sink = new MemorySink();
    sink.isAway = true;
    const forwarder = start(sink, { retry: { delayMs: 1, limit: 2 } });
    await until('it to be given up', () => warnings.includes("lines of a container's log were given up"));
    expect(sink.attempts).toBe(3);
    sink.isAway = false;
    appendFileSync(path, record('b'));
    await finish(forwarder);
    expect(sink.lines).toEqual(['b']);
  });

  it('tells when lines are missing', async () => {
    writeFileSync(path, record('a'));
    await finish(start(new MemorySink()));
    rmSync(path);
    // Perhaps under the same number.
    writeFileSync(path, record('much later'));
    const sink = new MemorySink();
    await finish(start(sink));
    expect(sink.lines).toEqual(['much later']);
    expect(warnings).toEqual(["a container's log was turned over faster than it could be sent: lines may be missing"]);
  });

  it('sends the rest of a log that is removed', async () => {
    writeFileSync(path, record('a'));
    turnOver();
    writeFileSync(path, record('b'));
    const sink = new MemorySink();
    sink.isAway = true;
    const forwarder = start(sink);
    await until('an attempt', () => sink.attempts > 0);
    await forwarder.release();
    rmSync(directory, { recursive: true });
    sink.isAway = false;
    await finish(forwarder);
    expect(sink.lines).toEqual(['a', 'b']);
  });

  it('makes room where the shim waits for it, once what is there is sent', async () => {
    writeFileSync(path, record('a'));
    turnOver();
    writeFileSync(path, record('b'));
    turnOver();
    writeFileSync(path, record('c'));
    const sink = new MemorySink();
    sink.isAway = true;
    const forwarder = start(sink, { fullPath: `${path}.2` });
    await until('some attempts', () => sink.attempts > 2);
    expect(statSync(`${path}.2`).isFile()).toBe(true);
    sink.isAway = false;
    await until('room to be made', () => !existsSync(`${path}.2`));
    await finish(forwarder);
    expect(sink.lines).toEqual(['a', 'b', 'c']);
    expect(existsSync(`${path}.1`)).toBe(true);
  });
});

describe('retryDelayMs', () => {
  it('grows to half a minute, or is what was asked for', () => {
    const patient = { delayMs: undefined, limit: undefined };
    expect([0, 1, 2, 10, 2000].map((failures) => retryDelayMs(failures, patient))).toEqual([
      ...[500, 1000, 2000, 30_000, 30_000],
    ]);
    expect(retryDelayMs(7, { delayMs: 250, limit: 9 })).toBe(250);
  });
});
