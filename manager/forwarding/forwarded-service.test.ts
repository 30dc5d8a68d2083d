/** A manager that hands its calls on to another one. */
import { Client, type ClientDuplexStream, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, responses, send, unary } from '../../proto/client.ts';
import { GantryError } from '../../proto/errors.ts';
import { ControlClient, ControlService, type NodeInspectRequest } from '../../proto/generated/gantry/v1/control.ts';
import {
  DispatcherClient,
  DispatcherService,
  type SessionRequest,
  type SessionResponse,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import { type Caller, localCaller } from './caller.ts';
import { forwardedService, type LocalHandlers, type Router } from './forwarded-service.ts';

const open: (() => void)[] = [];
let lost: AbortController;
let asked: string[];
let front: number;
beforeEach(async () => {
  lost = new AbortController();
  asked = [];
  const leader = await serve(async () => ({ kind: 'here' }));
  const client = new Client(`127.0.0.1:${leader}`, credentials.createInsecure());
  open.push(() => client.close());
  front = await serve(async () => ({ kind: 'leader', client, lost: lost.signal }));
});
afterEach(() => {
  for (const close of open.splice(0)) close();
});

const never = () => new Promise<never>(() => undefined);

function control(): LocalHandlers {
  const refuse = async () => {
    throw new GantryError('NOT_FOUND', 'no such thing', { hint: 'look elsewhere' });
  };
  const all: Record<string, LocalHandlers[string]> = Object.fromEntries(
    Object.keys(ControlService).map((name) => [name, refuse]),
  );
  return {
    ...all,
    nodeInspect: async ({ reference }: NodeInspectRequest, _signal: AbortSignal, caller: Caller) => {
      asked.push(`${reference} by ${caller.kind}`);
      return reference === 'silent' ? never() : { node: undefined, manager: undefined };
    },
    watch: async function* () {
      yield { kind: 0, removed: false, object: undefined, synced: true, revision: 0 };
      await never();
    },
  };
}

const dispatcher: LocalHandlers = {
  // Answers each request, and ends by itself after the second.
  session: async function* (requests: AsyncIterable<SessionRequest>): AsyncGenerator<SessionResponse> {
    let count = 0;
    for await (const _request of requests) {
      count += 1;
      yield { message: undefined };
      if (count === 2) return;
    }
  },
  tunnel: async function* () {
    yield* [];
  },
  neededImages: async () => ({ ids: [] }),
  imageHolders: async () => ({ holders: [] }),
  knownBuilds: async () => ({ builds: [] }),
  isMember: async () => ({ member: true }),
};

async function serve(route: Router): Promise<number> {
  const server = new Server();
  for (const { definition, implementation } of [
    forwardedService(ControlService, control(), route, localCaller),
    forwardedService(DispatcherService, dispatcher, route, localCaller),
  ]) {
    server.addService(definition, implementation);
  }
  open.push(() => server.forceShutdown());
  return await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

function connect<C extends { close(): void }>(Service: Parameters<typeof connectClient<C>>[0]): C {
  const client = connectClient(Service, { kind: 'tcp', host: '127.0.0.1', port: front });
  open.push(() => client.close());
  return client;
}

describe('a call that is handed on', () => {
  it('is answered by the leader', async () => {
    const client = connect(ControlClient);
    await unary((done) => client.nodeInspect({ reference: 'web' }, done));
    expect(asked).toEqual(['web by administrator']);
  });

  it('fails as it does there', async () => {
    const client = connect(ControlClient);
    await expect(unary((done) => client.nodeList({}, done))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'no such thing',
      hint: 'look elsewhere',
    });
  });

  it('ends when the leader ends it, although the caller has not', async () => {
    const call = connect(DispatcherClient).session();
    const writes = call as unknown as ClientDuplexStream<SessionRequest, never>;
    await send(writes, { message: undefined });
    let answers = 0;
    for await (const _answer of responses(call as unknown as ClientDuplexStream<never, SessionResponse>)) {
      answers += 1;
      if (answers === 1) await send(writes, { message: undefined });
    }
    expect(answers).toBe(2);
  });

  it('ends when the leader leads no more, and says that nobody knows what became of it', async () => {
    const client = connect(ControlClient);
    const silent = unary((done) => client.nodeInspect({ reference: 'silent' }, done));
    const watching = (async () => {
      for await (const event of responses(client.watch({ kinds: [], stack: '', fromRevision: 0 }))) {
        expect(event.synced).toBe(true);
        lost.abort();
      }
    })();
    for (const call of [silent, watching]) {
      await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', hint: expect.stringContaining('done or not') });
    }
  });
});
