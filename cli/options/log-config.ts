/** --log-driver and --log-opt: how a container's output is kept, and where it is sent. */
import type { LogConfig } from '../../proto/generated/gantry/v1/types.ts';
import { isLogDriver, LOG_DRIVERS_HINT, parseLogConfig } from '../../proto/log/log-driver.ts';
import { LogOptionError } from '../../proto/log/log-options.ts';
import { invalidFlag } from '../command-line.ts';
import { CliError, EXIT } from '../failure.ts';

export function logDriver(name: string): string {
  if (name === '' || isLogDriver(name)) return name;
  throw invalidFlag('--log-driver', name, LOG_DRIVERS_HINT);
}

/** Undefined when nothing is said. `options`: NAME=VALUE. Throws CliError. */
export function readLogConfig(driver: string, options: readonly string[]): LogConfig | undefined {
  if (driver === '' && options.length === 0) return undefined;
  if (driver === 'none' && options.length > 0) {
    throw new CliError('invalid logging opts for driver none', { exitCode: EXIT.refused });
  }
  const pairs = options.map((option): [string, string] => {
    const equals = option.indexOf('=');
    return equals === -1 ? [option, ''] : [option.slice(0, equals), option.slice(equals + 1)];
  });
  try {
    return parseLogConfig(driver, Object.fromEntries(pairs));
  } catch (error) {
    if (!(error instanceof LogOptionError)) throw error;
    const given = options.find((option) => option.split('=', 1)[0] === error.option);
    throw invalidFlag('--log-opt', given ?? error.option, `${error.message}: ${error.hint}`);
  }
}
