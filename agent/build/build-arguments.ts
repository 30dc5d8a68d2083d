/** Build arguments that mean something to every build, and those that mean nothing to one. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildPlan } from './build-plan.ts';

/** SOURCE_DATE_EPOCH, seconds, as milliseconds. Source: reproducible-builds.org/specs/source-date-epoch. */
export function sourceTime({ SOURCE_DATE_EPOCH: seconds }: ImageBuildOptions['args']): number | undefined {
  if (seconds === undefined || seconds === '') return undefined;
  if (/^\d{1,11}$/.test(seconds)) return Number(seconds) * 1000;
  throw new GantryError('INVALID_ARGUMENT', `SOURCE_DATE_EPOCH=${seconds} is no time`, {
    hint: 'write seconds since 1970: $(git log -1 --format=%ct)',
  });
}

/** Names of arguments that are given and no ARG declares. */
export function unusedArguments(
  plan: Pick<BuildPlan, 'declaredArgs'>,
  { args }: Pick<ImageBuildOptions, 'args'>,
): string[] {
  const isPredefined = (name: string) => /_proxy$/i.test(name) || name === 'SOURCE_DATE_EPOCH';
  return Object.keys(args).filter((name) => !plan.declaredArgs.has(name) && !isPredefined(name));
}
