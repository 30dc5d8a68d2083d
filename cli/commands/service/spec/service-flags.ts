/** All that a command line asks of a service. */
import type { ServiceEdits } from '../../../options/service-edits.ts';
import type { ServiceOptions } from '../../../options/service-options.ts';

export interface ServiceFlags {
  readonly options: ServiceOptions;
  readonly edits: ServiceEdits;
}

/** Ids by name: in a spec that was read, what users name is told by its id. */
export interface KnownNames {
  readonly networks: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, string>;
  readonly configs: ReadonlyMap<string, string>;
}
