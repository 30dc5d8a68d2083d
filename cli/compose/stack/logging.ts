/** `logging` of a service: how what its containers write is kept. */
import { LogConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { isLogDriver, LOG_DRIVERS_HINT, LOG_OPTIONS_HINT, NO_LOG_DRIVER } from '../../../proto/log-driver.ts';
import { parseBytes } from '../syntax/quantities.ts';
import type { ModelCursor } from './model-cursor.ts';

const MOST_FILES = 1000;

export function convertLogging(cursor: ModelCursor): LogConfig {
  return cursor.object({}, (fields) => {
    const driver = fields.get('driver', readDriver) ?? '';
    const options = fields.cursor('options');
    const none = driver === NO_LOG_DRIVER && options !== undefined && options.valuesByKey().length > 0;
    if (none) options.report('does not go with the driver "none"', 'remove it: nothing is kept');
    return LogConfig.fromPartial({ driver, ...(none ? {} : options?.attempt(readOptions)) });
  });
}

function readDriver(cursor: ModelCursor): string {
  const name = cursor.text();
  if (isLogDriver(name)) return name;
  throw cursor.problem(`there is no log driver "${name}"`, LOG_DRIVERS_HINT);
}

function readOptions(options: ModelCursor): Partial<LogConfig> {
  const parts = options.valuesByKey().map(([key, value]) => value.attempt((one) => readOption(key, one)) ?? {});
  return Object.assign({}, ...parts) as Partial<LogConfig>;
}

function readOption(key: string, value: ModelCursor): Partial<LogConfig> {
  if (key === 'max-size') {
    const size = parseBytes(value.text());
    if (size !== undefined && size > 0) return { maxSizeBytes: size };
    throw value.problem(`"${value.text()}" is not a size`, 'write it as 10m');
  }
  if (key === 'max-file') return { maxFiles: value.digits(1, MOST_FILES) };
  throw value.problem(`the option "${key}" is not supported`, LOG_OPTIONS_HINT);
}
