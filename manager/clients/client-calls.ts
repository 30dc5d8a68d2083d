/** What clients have open: a shell that was opened before its certificate was revoked doesn't outlive it. */
import type { GantryError } from '../../proto/errors.ts';
import type { Clock } from '../clock.ts';
import type { ClientCaller } from '../forwarding/caller.ts';
import type { Store } from '../store/store.ts';
import type { Permission } from './permissions.ts';
import { exclusion, refusalOfClient, type Standing } from './standing.ts';

export interface ClientCallsOptions {
  readonly store: Store;
  readonly clock: Clock;
}

interface OpenCall {
  readonly caller: ClientCaller;
  readonly end: (reason: GantryError) => void;
}

/** Nothing tells when a certificate expires. */
const LOOK_PERIOD_MS = 10_000;

export class ClientCalls {
  readonly #options: ClientCallsOptions;
  readonly #open = new Set<OpenCall>();

  constructor(options: ClientCallsOptions) {
    this.#options = options;
  }

  refusal(caller: ClientCaller, needed: Permission | undefined): GantryError | undefined {
    return refusalOfClient(caller, needed, this.#standing(caller.serial));
  }

  /** `end` is called when the certificate doesn't count any more. Returns what is to be called when the call has ended. */
  opened(caller: ClientCaller, end: (reason: GantryError) => void): () => void {
    const call = { caller, end };
    this.#open.add(call);
    return () => this.#open.delete(call);
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const watch = this.#options.store.watch({ kinds: ['clientCertificate'] });
    try {
      while (!signal.aborted) {
        const look = AbortSignal.any([signal, AbortSignal.timeout(LOOK_PERIOD_MS)]);
        await watch.changed(look);
        watch.take();
        this.#endExcluded();
      }
    } finally {
      watch.close();
    }
  }

  #endExcluded(): void {
    for (const call of [...this.#open]) {
      const reason = exclusion(call.caller, this.#standing(call.caller.serial));
      if (reason === undefined) continue;
      this.#open.delete(call);
      call.end(reason);
    }
  }

  #standing(serial: string): Standing {
    const { store, clock } = this.#options;
    return store.view((read) => ({
      clusterId: read.find('cluster', { by: 'all' })[0]?.id,
      certificate: read.get('clientCertificate', serial),
      nowMs: clock.now(),
    }));
  }
}
