/** What becomes of what containers write: kept in files of their host, by either of two names that Docker has for that, or nothing. */
import { GantryError } from './errors.ts';
import type { LogConfig } from './generated/gantry/v1/types.ts';

/** Docker's default, and the name under which ours shows itself. */
const DEFAULT_LOG_DRIVER = 'json-file';
export const NO_LOG_DRIVER = 'none';
const DRIVERS = [DEFAULT_LOG_DRIVER, 'local', NO_LOG_DRIVER];

export const LOG_DRIVERS_HINT = `one of ${DRIVERS.join(', ')}; logs are always readable with 'gantry logs', and as files in CRI's format by whatever ships them elsewhere`;
export const LOG_OPTIONS_HINT = 'only max-size and max-file are supported';

export function isLogDriver(name: string): boolean {
  return DRIVERS.includes(name);
}

export function logDriverName(log: LogConfig | undefined): string {
  return log?.driver || DEFAULT_LOG_DRIVER;
}

export function keepsLog(log: LogConfig | undefined): boolean {
  return log?.driver !== NO_LOG_DRIVER;
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
  if (log.maxSizeBytes >= 0 && log.maxFiles <= MOST_FILES) return;
  throw new GantryError('INVALID_ARGUMENT', `${what}: a log has at most ${MOST_FILES} files, of a size`);
}

/** Of the shim, which numbers them. */
const MOST_FILES = 1000;
