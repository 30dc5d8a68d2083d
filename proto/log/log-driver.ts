/**
 * What becomes of what containers write: kept in files of their host, by either of two names that Docker has for that, or nothing;
 * or kept so and sent on, by the other drivers.
 */
import { GantryError } from '../errors.ts';
import { LogConfig } from '../generated/gantry/v1/types.ts';
import { type FluentdReceiver, readFluentd } from './fluentd-options.ts';
import { type GelfReceiver, readGelf } from './gelf-options.ts';
import { LogOptionError, LogOptions, type OptionValues } from './log-options.ts';
import { readSentLog, type SentLog } from './sent-log.ts';
import { readSyslog, type SyslogReceiver } from './syslog-options.ts';

/** Of the host itself; it is told by fields, and has no options of its own. */
export interface JournaldReceiver {
  readonly kind: 'journald';
}

export type LogReceiver = SyslogReceiver | GelfReceiver | FluentdReceiver | JournaldReceiver;

export interface SentLogConfig extends SentLog {
  readonly receiver: LogReceiver;
}

/** Docker's default, and the name under which ours shows itself. */
const DEFAULT_LOG_DRIVER = 'json-file';
const NO_LOG_DRIVER = 'none';
const KEEPING = new Set([DEFAULT_LOG_DRIVER, 'local']);
const RECEIVERS: Readonly<Record<string, (options: LogOptions) => LogReceiver>> = {
  syslog: readSyslog,
  journald: () => ({ kind: 'journald' }),
  gelf: readGelf,
  fluentd: readFluentd,
};
const DRIVERS = [...KEEPING, NO_LOG_DRIVER, ...Object.keys(RECEIVERS)];

/** Of the shim, which numbers them. */
const MOST_FILES = 1000;

export const LOG_DRIVERS_HINT = `one of ${DRIVERS.join(', ')}; logs are always readable with 'gantry logs', and as files in CRI's format by whatever ships them elsewhere`;

export function isLogDriver(name: string): boolean {
  return DRIVERS.includes(name);
}

export function logDriverName(log: LogConfig | undefined): string {
  return log?.driver || DEFAULT_LOG_DRIVER;
}

export function keepsLog(log: LogConfig | undefined): boolean {
  return log?.driver !== NO_LOG_DRIVER;
}

export function isSentLog(log: LogConfig | undefined): boolean {
  return log !== undefined && RECEIVERS[log.driver] !== undefined;
}

/** Of a driver that there is, with options as they are written. Throws LogOptionError. */
export function parseLogConfig(driver: string, values: OptionValues): LogConfig {
  const receiver = RECEIVERS[driver];
  if (receiver !== undefined) {
    const { maxSizeBytes, maxFiles } = sentLog(driver, values, receiver);
    return LogConfig.fromPartial({ driver, maxSizeBytes, maxFiles, driverOpts: { ...values } });
  }
  const options = new LogOptions(values);
  const config = { driver, maxSizeBytes: 0, maxFiles: 0 };
  if (driver !== NO_LOG_DRIVER) {
    config.maxSizeBytes = options.size('max-size') ?? 0;
    config.maxFiles = options.integer('max-file', 1, MOST_FILES) ?? 0;
  } else if (Object.keys(values).length > 0) {
    throw new LogOptionError('', 'the log driver "none" keeps nothing that could have options', 'leave them out');
  }
  options.finish(logDriverName(LogConfig.fromPartial({ driver })));
  return LogConfig.fromPartial(config);
}

/** Where what a container writes is sent to; undefined: nowhere. Throws LogOptionError. */
export function sentLogConfig(log: LogConfig | undefined): SentLogConfig | undefined {
  if (log === undefined) return undefined;
  const receiver = RECEIVERS[log.driver];
  return receiver && sentLog(log.driver, log.driverOpts, receiver);
}

function sentLog(driver: string, values: OptionValues, read: (options: LogOptions) => LogReceiver): SentLogConfig {
  const options = new LogOptions(values);
  const sent = readSentLog(options);
  const receiver = read(options);
  options.finish(driver);
  const bufferBytes = Math.max(sent.bufferBytes, receiver.kind === 'fluentd' ? receiver.bufferBytes : 0);
  return { ...sent, bufferBytes, receiver };
}

/** Throws UNSUPPORTED, INVALID_ARGUMENT. `what`: "container web". */
export function checkLogConfig(what: string, log: LogConfig | undefined): void {
  if (log === undefined) return;
  if (!isLogDriver(logDriverName(log))) {
    throw new GantryError('UNSUPPORTED', `${what}: there is no log driver "${log.driver}"`, { hint: LOG_DRIVERS_HINT });
  }
  if (!keepsLog(log) && log.maxSizeBytes + log.maxFiles > 0) {
    throw new GantryError('INVALID_ARGUMENT', `${what}: the log driver "none" keeps nothing that could have a size`, {
      hint: 'leave out its options',
    });
  }
  checkOptions(what, log);
  if (log.maxSizeBytes >= 0 && log.maxFiles <= MOST_FILES) return;
  throw new GantryError('INVALID_ARGUMENT', `${what}: a log has at most ${MOST_FILES} files, of a size`);
}

function checkOptions(what: string, log: LogConfig): void {
  try {
    if (RECEIVERS[log.driver] !== undefined) sentLogConfig(log);
    else new LogOptions(log.driverOpts).finish(logDriverName(log));
  } catch (cause) {
    if (!(cause instanceof LogOptionError)) throw cause;
    const message = `${what}: log option ${cause.option}: ${cause.message}`;
    throw new GantryError('INVALID_ARGUMENT', message, { hint: cause.hint, cause });
  }
}
