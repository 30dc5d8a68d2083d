/** What is to be done for the image of a service before it is deployed. Pure. */
import type { Image } from '../../proto/generated/gantry/v1/engine.ts';
import { PullPolicy } from '../../proto/generated/gantry/v1/types.ts';
import type { LoadedService } from '../compose/load-stack.ts';
import { CliError } from '../failure.ts';
import type { ProgressMode } from '../terminal/progress.ts';
import type { SelectedService } from './selection.ts';

/** Of images that have a `build`: always, when they aren't there, or never. */
export type BuildWhen = 'always' | 'missing' | 'never';

export interface ImageWishes {
  readonly build: BuildWhen;
  /** Undefined: as the files say. */
  readonly pull: PullPolicy | undefined;
  /** Of builds. */
  readonly progress: ProgressMode;
}

/** `ask`: registries, for what its name stands for. */
export type ImageNeed = 'build' | 'ask' | 'nothing';

/** `image`: what there is of that name. Throws when it has to be built, and isn't to be. */
export function imageNeed(
  service: Pick<SelectedService, 'name' | 'image' | 'build' | 'spec' | 'renewal'>,
  image: Pick<Image, 'taggedAtMs'> | undefined,
  { build, pull }: Pick<ImageWishes, 'build' | 'pull'>,
  nowMs: number,
): ImageNeed {
  const isOutdated = image === undefined || isDue(service.renewal, image, nowMs);
  if (service.build !== undefined) {
    if (build === 'always' || (build === 'missing' && isOutdated)) return 'build';
    if (image === undefined) throw notBuilt(service);
    return 'nothing';
  }
  const policy = pull ?? service.spec.task?.container?.pullPolicy ?? PullPolicy.MISSING;
  if (policy === PullPolicy.ALWAYS) return 'ask';
  // A flag that says what is pulled leaves nothing to what the files say of it.
  const asks = pull === undefined ? isOutdated : image === undefined;
  return policy === PullPolicy.MISSING && asks ? 'ask' : 'nothing';
}

function isDue(renewal: LoadedService['renewal'], { taggedAtMs }: Pick<Image, 'taggedAtMs'>, nowMs: number): boolean {
  return renewal.kind === 'build' || (renewal.kind === 'refresh' && nowMs - taggedAtMs >= renewal.afterMs);
}

function notBuilt({ name, image }: Pick<SelectedService, 'name' | 'image'>): CliError {
  return new CliError(`service ${name} has a build, and its image "${image}" is not here`, {
    hint: 'leave out --no-build',
  });
}
