/** A service before any flag says more of it. Pure. */
import { RestartCondition, ServiceSpec } from '../../../../proto/generated/gantry/v1/types.ts';
import { isJob } from '../../../../proto/service-mode.ts';

export type ServiceMode = NonNullable<ServiceSpec['mode']>;

export interface NewService {
  readonly name: string;
  readonly image: string;
  /** Empty: the image's own command. */
  readonly args: readonly string[];
  readonly mode: ServiceMode;
}

/** One that is always restarted would be no job. */
export function newServiceSpec({ name, image, args, mode }: NewService): ServiceSpec {
  return ServiceSpec.fromPartial({
    annotations: { name },
    task: {
      container: { image, ...(args.length === 0 ? {} : { command: { items: [...args] } }) },
      restart: { condition: isJob({ mode }) ? RestartCondition.ON_FAILURE : RestartCondition.ANY },
    },
    mode,
  });
}
