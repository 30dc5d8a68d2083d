/** --log-driver and --log-opt: how a container's output is kept. */
import { LogConfig } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag, wholeNumber } from '../command-line.ts';
import { CliError, EXIT } from '../failure.ts';
import { byteSize } from './limits.ts';

/** Docker's of what a host keeps by itself, which is one thing here, and of nothing at all. */
const DRIVERS = new Set(['', 'json-file', 'local', 'none']);

export function logDriver(name: string): string {
  if (DRIVERS.has(name)) return name;
  const hint = "leave it out: logs are on the container's host, where log shippers read them; 'gantry logs' does, too";
  throw invalidFlag('--log-driver', name, hint);
}

/** max-size and max-file; undefined when nothing is said. Throws CliError. */
export function parseLogConfig(driver: string, options: readonly string[]): LogConfig | undefined {
  if (driver === '' && options.length === 0) return undefined;
  const log = LogConfig.create({ driver });
  if (driver === 'none' && options.length > 0) {
    throw new CliError('invalid logging opts for driver none', { exitCode: EXIT.refused });
  }
  for (const option of options) {
    const [key = '', value = ''] = option.split('=');
    if (key === 'max-size') log.maxSizeBytes = byteSize('--log-opt max-size')(value);
    else if (key === 'max-file') log.maxFiles = wholeNumber('--log-opt max-file')(value);
    else throw invalidFlag('--log-opt', option, 'only max-size and max-file are supported');
  }
  return log;
}
