/** The container at the other end of a copy: of the engine that is asked, or of a task on whichever node that runs. */
import { responses, send } from '../../proto/client.ts';
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type {
  ArchiveChunk,
  ContainerCopyFromRequest,
  ContainerCopyTarget,
  ContainerCopyToRequest,
  ContainerCopyToResponse,
  ContainerPathStatResponse,
  EngineClient,
} from '../../proto/generated/gantry/v1/engine.ts';
import { ask, upload } from '../connection.ts';

export interface CopyPeer {
  /** For errors. */
  readonly name: string;
  stat(path: string): Promise<ContainerPathStatResponse>;
  /** The call begins with it: an answer that comes before anybody listens would be lost. */
  read(what: Omit<ContainerCopyFromRequest, 'reference'>): AsyncIterable<ArchiveChunk>;
  write(target: Omit<ContainerCopyTarget, 'reference'>, archive: AsyncIterable<Buffer>): Promise<void>;
}

export function containerPeer(engine: EngineClient, reference: string, name: string = reference): CopyPeer {
  return {
    name,
    stat: (path) => ask(engine, engine.containerPathStat, { reference, path }),
    read: (what) => responses(engine.containerCopyFrom({ reference, ...what })),
    async write(target, archive) {
      await upload<ContainerCopyToRequest, ContainerCopyToResponse>(
        (done) => engine.containerCopyTo(done),
        toMessages({ reference, ...target }, archive),
      );
    },
  };
}

export function taskPeer(control: ControlClient, reference: string, name: string): CopyPeer {
  return {
    name,
    stat: (path) => ask(control, control.taskPathStat, { reference, path }),
    read: (what) => responses(control.taskCopyFrom({ reference, ...what })),
    write: (target, archive) => sendToTask(control, toMessages({ reference, ...target }, archive)),
  };
}

type CopyCall = ReturnType<ControlClient['taskCopyTo']>;

/** An answer that comes early (a refusal) ends the sending. */
async function sendToTask(control: ControlClient, messages: AsyncIterable<ContainerCopyToRequest>): Promise<void> {
  const call = control.taskCopyTo();
  const answered = lastAnswer(call);
  const sending = sendAll(call, messages);
  // Whichever fails first is the reason; the other's end is of no interest then.
  answered.catch(() => undefined);
  sending.catch(() => undefined);
  try {
    await Promise.race([sending, answered]);
    await answered;
  } catch (error) {
    call.cancel();
    throw error;
  }
}

async function lastAnswer(call: CopyCall): Promise<void> {
  const answers = responses(call as unknown as Parameters<typeof responses<ContainerCopyToResponse>>[0]);
  for await (const _ of answers);
}

async function sendAll(call: CopyCall, messages: AsyncIterable<ContainerCopyToRequest>): Promise<void> {
  for await (const message of messages) {
    if (!(await send(call as unknown as Parameters<typeof send<ContainerCopyToRequest>>[0], message))) return;
  }
  call.end();
}

async function* toMessages(
  value: ContainerCopyTarget,
  archive: AsyncIterable<Buffer>,
): AsyncGenerator<ContainerCopyToRequest> {
  yield { message: { $case: 'options', value } };
  for await (const data of archive) yield { message: { $case: 'data', value: data } };
}
