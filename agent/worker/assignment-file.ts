/**
 * The networks, their other nodes, the endpoints and the names of containers that this node was last assigned, as a file: names keep resolving and traffic keeps
 * flowing when the agent starts while no manager answers. Secrets and configs are never written.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { AssignedNetwork, AttachedContainer, NetworkPeer } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { ServiceEndpoints } from '../../proto/generated/gantry/v1/types.ts';
import type { AssignmentSet } from './assignment-set.ts';

export type LastAssignment = Pick<AssignmentSet, 'networks' | 'peers' | 'endpoints' | 'attached'>;

export class AssignmentFile {
  readonly #path: string;
  readonly #logger: Logger;
  #saved = '';

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Undefined when there is none, or none that can be read: the manager will say it all again. */
  load(): LastAssignment | undefined {
    try {
      return decode(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn(
          { path: this.#path, err: error },
          'unreadable file of assigned networks; waiting for a manager',
        );
      }
      return undefined;
    }
  }

  /** Writes nothing when nothing has changed since the last call. */
  save({ networks, peers, endpoints, attached }: LastAssignment): void {
    const text = JSON.stringify({
      networks: [...networks.values()],
      peers: [...peers],
      endpoints: [...endpoints.values()],
      attached: [...attached],
    });
    if (text === this.#saved) return;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#path}.tmp`, text, { mode: 0o600 });
    renameSync(`${this.#path}.tmp`, this.#path);
    this.#saved = text;
  }
}

interface FileContent {
  readonly networks?: AssignedNetwork[];
  readonly peers?: [string, NetworkPeer][];
  readonly endpoints?: ServiceEndpoints[];
  readonly attached?: [string, AttachedContainer][];
}

function decode(value: unknown): LastAssignment {
  const { networks, peers, endpoints, attached } = value as FileContent;
  // fromPartial: fields that an older agent didn't know get their defaults.
  return {
    networks: new Map((networks ?? []).map((item) => [item.network?.id ?? '', AssignedNetwork.fromPartial(item)])),
    peers: new Map((peers ?? []).map(([id, item]) => [id, NetworkPeer.fromPartial(item)])),
    endpoints: new Map((endpoints ?? []).map((item) => [item.serviceId, ServiceEndpoints.fromPartial(item)])),
    attached: new Map((attached ?? []).map(([id, item]) => [id, AttachedContainer.fromPartial(item)])),
  };
}
