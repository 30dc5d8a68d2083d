/** `logging` of a service: how what its containers write is kept, and where it is sent. */
import type { LogConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { isLogDriver, LOG_DRIVERS_HINT, parseLogConfig } from '../../../proto/log/log-driver.ts';
import { LogOptionError } from '../../../proto/log/log-options.ts';
import type { ModelCursor } from './model-cursor.ts';

export function convertLogging(cursor: ModelCursor): LogConfig {
  return cursor.object({}, (fields) => {
    const driver = fields.get('driver', readDriver) ?? '';
    const options = fields.cursor('options');
    try {
      return parseLogConfig(driver, options?.textByKey() ?? {});
    } catch (error) {
      if (!(error instanceof LogOptionError)) throw error;
      const place = options?.valuesByKey().find(([name]) => name === error.option)?.[1];
      throw (place ?? options ?? cursor).problem(error.message, error.hint);
    }
  });
}

function readDriver(cursor: ModelCursor): string {
  const name = cursor.text();
  if (isLogDriver(name)) return name;
  throw cursor.problem(`there is no log driver "${name}"`, LOG_DRIVERS_HINT);
}
