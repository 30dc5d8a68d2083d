/** Asks for the ids of what the flags name. */
import type { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Annotations } from '../../../proto/generated/gantry/v1/types.ts';
import { ask } from '../../connection.ts';
import type { ServiceEdits } from '../../options/service-edits.ts';
import type { KnownNames } from './spec/service-flags.ts';

/** Only of the kinds that are added or removed: most commands name none. */
export async function knownNames(control: ControlClient, edits: ServiceEdits): Promise<KnownNames> {
  const { networks, secrets, configs } = edits;
  return {
    networks: changes(networks) ? idsByName((await ask(control, control.networkList, {})).networks) : new Map(),
    secrets: changes(secrets) ? idsByName((await ask(control, control.secretList, {})).secrets) : new Map(),
    configs: changes(configs) ? idsByName((await ask(control, control.configList, {})).configs) : new Map(),
  };
}

function changes({ add, rm }: { readonly add: readonly unknown[]; readonly rm: readonly unknown[] }): boolean {
  return add.length + rm.length > 0;
}

interface Named {
  readonly id: string;
  readonly spec?: { readonly annotations?: Annotations | undefined } | undefined;
  readonly pendingDelete: boolean;
}

function idsByName(objects: readonly Named[]): Map<string, string> {
  const present = objects.filter(({ pendingDelete }) => !pendingDelete);
  return new Map(present.map(({ id, spec }) => [spec?.annotations?.name ?? '', id]));
}
