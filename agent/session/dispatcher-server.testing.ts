/** A manager's Dispatcher on a socket, for tests: what agents say, and what to say to them. */
import { rmSync } from 'node:fs';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { type GantryError, toServiceError } from '../../proto/errors.ts';
import {
  DispatcherService,
  type SessionRequest,
  SessionResponse,
  type TunnelFrame,
} from '../../proto/generated/gantry/v1/dispatcher.ts';

type SessionCall = ServerDuplexStream<SessionRequest, SessionResponse>;
export type TunnelServerCall = ServerDuplexStream<TunnelFrame, TunnelFrame>;

export interface TestDispatcher {
  /** Messages of all sessions, in order. */
  readonly received: NonNullable<SessionRequest['message']>[];
  readonly sessions: SessionCall[];
  readonly tunnels: TunnelServerCall[];
  /** Answers no heartbeats. */
  deaf: boolean;
  /** What hellos are answered with instead of a welcome. */
  refusal: GantryError | undefined;
  /** To the latest session. */
  send(message: SessionResponse['message']): void;
  close(): void;
}

/** Welcomes every hello. */
export async function serveDispatcher(socket: string): Promise<TestDispatcher> {
  const server = new Server();
  const dispatcher: TestDispatcher = {
    received: [],
    sessions: [],
    tunnels: [],
    deaf: false,
    refusal: undefined,
    send: (message) => dispatcher.sessions.at(-1)?.write(SessionResponse.fromPartial({ message })),
    close: () => server.forceShutdown(),
  };
  server.addService(DispatcherService, {
    session: (call: SessionCall) => {
      dispatcher.sessions.push(call);
      call.on('error', () => undefined);
      call.on('data', ({ message }: SessionRequest) => {
        if (message === undefined) return;
        dispatcher.received.push(message);
        if (message.$case === 'hello') {
          if (dispatcher.refusal === undefined) welcome(call);
          else call.emit('error', toServiceError(dispatcher.refusal));
        }
        if (message.$case === 'heartbeat' && !dispatcher.deaf) call.write({ message });
        if (message.$case === 'leaving') call.end();
      });
      call.on('end', () => call.end());
    },
    tunnel: (call: TunnelServerCall) => {
      call.on('error', () => undefined);
      dispatcher.tunnels.push(call);
    },
  });
  rmSync(socket, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return dispatcher;
}

function welcome(call: SessionCall): void {
  const value = { sessionId: 'session', heartbeatPeriodMs: 50, node: undefined };
  call.write({ message: { $case: 'welcome', value } });
}
