/** What a command line makes of a health check. Pure. */
import { Healthcheck } from '../../../../proto/generated/gantry/v1/types.ts';
import { CliError, EXIT } from '../../../failure.ts';
import type { ServiceOptions } from '../../../options/service-options.ts';

/** Undefined: the image's own. */
export function changedHealthcheck(
  healthcheck: Healthcheck | undefined,
  options: ServiceOptions,
): Healthcheck | undefined {
  const given = isGiven(options);
  if (!options.healthcheck) {
    if (given)
      throw new CliError('--no-healthcheck conflicts with --health-* options', {
        hint: 'leave one of them out',
        exitCode: EXIT.refused,
      });
    return Healthcheck.create({ test: ['NONE'] });
  }
  if (!given) return healthcheck;
  const before = healthcheck ?? Healthcheck.create();
  return {
    test: changedTest(before.test, options.healthCmd),
    intervalMs: options.healthInterval ?? before.intervalMs,
    timeoutMs: options.healthTimeout ?? before.timeoutMs,
    retries: options.healthRetries ?? before.retries,
    startPeriodMs: options.healthStartPeriod ?? before.startPeriodMs,
    startIntervalMs: options.healthStartInterval ?? before.startIntervalMs,
  };
}

function isGiven(options: ServiceOptions): boolean {
  const { healthCmd, healthInterval, healthTimeout, healthRetries, healthStartPeriod, healthStartInterval } = options;
  const given = [healthCmd, healthInterval, healthTimeout, healthRetries, healthStartPeriod, healthStartInterval];
  return given.some((value) => value !== undefined);
}

/** Whoever says how to check wants it checked again. An empty command takes the image's. */
function changedTest(test: readonly string[], command: string | undefined): string[] {
  if (command === undefined) return test[0] === 'NONE' ? [] : [...test];
  return command === '' ? [] : ['CMD-SHELL', command];
}
