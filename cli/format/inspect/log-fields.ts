/** How a log is kept, in the form of Docker's inspection. */
import type { LogConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { isSentLog, logDriverName } from '../../../proto/log/log-driver.ts';
import type { Value } from '../../../proto/template/values.ts';

export interface LogFields {
  readonly driver: string;
  readonly options: Map<string, Value>;
}

export function logFields(log: LogConfig | undefined): LogFields {
  const options = new Map<string, Value>();
  if (log === undefined) return { driver: logDriverName(log), options };
  // Where it is sent, sizes are among its options.
  if (isSentLog(log)) return { driver: log.driver, options: new Map(Object.entries(log.driverOpts)) };
  if (log.maxSizeBytes > 0) options.set('max-size', String(log.maxSizeBytes));
  if (log.maxFiles > 0) options.set('max-file', String(log.maxFiles));
  return { driver: logDriverName(log), options };
}

/** As people read them; none for the default. */
export function logLines(log: LogConfig | undefined): string[] {
  if (log === undefined) return [];
  const { driver, options } = logFields(log);
  const each = [...options].map(([name, value]) => `  ${name}:\t${String(value)}`);
  return ['Log Driver:', ` Name:\t${driver}`, ...(each.length === 0 ? [] : [' LogOpts:', ...each])];
}
