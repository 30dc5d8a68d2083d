/** The options of `logs` and `service logs`. */
import type { Command } from 'commander';
import { invalidFlag } from '../command-line.ts';
import { parseDuration } from '../compose/syntax/quantities.ts';

export interface LogOptions {
  readonly follow?: boolean;
  readonly tail: string;
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: boolean;
}

export function declareLogOptions(command: Command): Command {
  return command
    .option('-f, --follow', 'go on with what is written from now on')
    .option('-n, --tail <lines>', 'only the last lines', 'all')
    .option('--since <time>', 'from this time: RFC 3339, seconds of Unix time, or a duration such as 10m ago')
    .option('--until <time>', 'up to this time')
    .option('-t, --timestamps', 'begin each line with its time');
}

export interface LogWindow {
  readonly follow: boolean;
  /** Undefined: all. */
  readonly tail: number | undefined;
  /** Milliseconds since the epoch; 0 for no bound. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

export function logWindow(options: LogOptions, nowMs: number): LogWindow {
  return {
    follow: options.follow ?? false,
    tail: tailLines(options.tail),
    sinceMs: options.since === undefined ? 0 : parseTime('--since', options.since, nowMs),
    untilMs: options.until === undefined ? 0 : parseTime('--until', options.until, nowMs),
  };
}

function tailLines(text: string): number | undefined {
  // Docker takes any negative number for all.
  if (text === 'all' || /^-\d+$/.test(text)) return undefined;
  if (!/^\d+$/.test(text)) throw invalidFlag('--tail', text, 'write a number of lines or "all"');
  return Number(text);
}

/** RFC 3339 (date, or date and time, with or without a zone), Unix seconds, or how long ago. */
export function parseTime(flag: string, text: string, nowMs: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const ago = parseDuration(text);
  if (ago !== undefined) return nowMs - ago;
  const match = /^\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  // A time without a zone is local, as in Docker; JavaScript takes a date alone for UTC.
  const complete = text.includes('T') ? text.replace(/T(\d{2})(?=$|Z|[+-])/, 'T$1:00') : `${text}T00:00`;
  const time = match === null ? Number.NaN : Date.parse(complete);
  if (Number.isNaN(time)) {
    throw invalidFlag(flag, text, 'write a time such as 2025-11-03T10:00:00Z, Unix seconds, or a duration such as 10m');
  }
  return time;
}
