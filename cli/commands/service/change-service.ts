/** One service read, changed, and waited for. */
import type { ControlClient, ServiceUpdateRequest } from '../../../proto/generated/gantry/v1/control.ts';
import { type Service, ServiceSpec } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../../cli.ts';
import { ask } from '../../connection.ts';
import { CliError, isGantryError } from '../../failure.ts';
import { waitForRollout } from '../../rollout/wait.ts';

const ATTEMPTS = 3;

/** Which tasks a service has: those of a higher version are new. */
export type ServiceVersion = Pick<Service, 'id' | 'specVersion'>;

export async function readService(control: ControlClient, reference: string): Promise<Service> {
  const { services } = await ask(control, control.serviceList, { stack: '', references: [reference] });
  const service = services[0]?.service;
  if (service === undefined) throw new CliError(`no such service: ${reference}`);
  return service;
}

/** Changes its spec; what somebody else changes meanwhile is kept. `before`: the service as it was. */
export async function changeService(
  control: ControlClient,
  reference: string,
  change: (spec: ServiceSpec) => Promise<ServiceSpec>,
  image: Pick<ServiceUpdateRequest, 'resolveImage' | 'registry'>,
): Promise<{ readonly before: ServiceVersion; readonly unrecordedImages: readonly string[] }> {
  for (let attempt = 1; ; attempt += 1) {
    const service = await readService(control, reference);
    const base = service.spec ?? ServiceSpec.create();
    try {
      const request = { reference: service.id, base, spec: await change(base), ...image };
      const { unrecordedImages } = await ask(control, control.serviceUpdate, request);
      return { before: service, unrecordedImages };
    } catch (error) {
      if (!isGantryError(error) || error.code !== 'CONFLICT' || attempt === ATTEMPTS) throw error;
    }
  }
}

export interface WaitOptions {
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** `before`: as it was before it was changed; what failed of tasks that aren't new is no verdict. */
export async function waitForService(
  cli: Cli,
  control: ControlClient,
  before: ServiceVersion,
  { detach = false, quiet = false }: WaitOptions,
): Promise<void> {
  if (detach) return;
  const { id, specVersion } = await readService(control, before.id);
  const changedServices = new Set(specVersion > before.specVersion ? [id] : []);
  await waitForRollout(cli, control, { references: [id], changedServices, quiet });
}
