/** Answers one container's queries: decide, then encode or forward. */
import type { Logger } from 'pino';
import type { RandomBytes } from '../../../proto/ids.ts';
import { type Asker, decide, RCODE } from './decide.ts';
import type { Forwarder } from './forwarder.ts';
import type { Transport } from './server.ts';
import { encodeAnswer, encodeFailure, MAX_TCP_BYTES, parseQuery, udpLimit } from './wire.ts';

export interface ResolverContext {
  readonly asker: Asker;
  /** Name servers to send on to. */
  readonly upstream: readonly string[];
}

export class Resolver {
  readonly #forwarder: Forwarder;
  readonly #random: RandomBytes;
  readonly #logger: Logger;

  constructor(forwarder: Forwarder, random: RandomBytes, logger: Logger) {
    this.#forwarder = forwarder;
    this.#random = random;
    this.#logger = logger;
  }

  /** `context` is asked for each query, as names come and go. Undefined: no answer. */
  async resolve(
    bytes: Buffer,
    transport: Transport,
    context: () => Promise<ResolverContext>,
  ): Promise<Buffer | undefined> {
    const query = parseQuery(bytes);
    if (query.kind === 'ignored') return undefined;
    if (query.kind === 'refused') return encodeFailure(bytes, query.rcode);
    const limit = transport === 'tcp' ? MAX_TCP_BYTES : udpLimit(query.packet);
    try {
      const { asker, upstream } = await context();
      const decision = decide(query.question, asker, (items) => shuffle(items, this.#random));
      if (decision.kind === 'answer') return encodeAnswer(query.packet, decision.rcode, decision.answers, limit);
      const reply = await this.#forwarder.forward(bytes, upstream, { transport, limit });
      return reply ?? encodeAnswer(query.packet, RCODE.SERVFAIL, [], limit);
    } catch (error) {
      this.#logger.error({ err: error, name: query.question.name }, 'cannot answer a query');
      return encodeFailure(bytes, RCODE.SERVFAIL);
    }
  }
}

/** Fisher and Yates; the bias of a 32-bit remainder is of no account for lists this short. */
export function shuffle<T>(items: readonly T[], random: RandomBytes): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const chosen = random(4).readUInt32BE() % (last + 1);
    [result[last], result[chosen]] = [result[chosen] as T, result[last] as T];
  }
  return result;
}
