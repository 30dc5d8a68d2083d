/** Sends a context to the engine's builder and shows what it does. */
import { responses, send } from '../../proto/client.ts';
import type {
  EngineClient,
  ImageBuildOptions,
  ImageBuildRequest,
  ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import { AnswerArchive, type TakeArchive } from './answer-archive.ts';
import type { BuildDisplay } from './build-display.ts';
import type { SentContext } from './build-source.ts';
import { SshAgents } from './ssh-agents.ts';

/** What goes to the builder besides the options. */
export interface BuildUpload {
  readonly context: SentContext;
  /** Those of named contexts. */
  readonly named: ReadonlyMap<string, AsyncIterable<Buffer>>;
  /** Of SSH agents, by id. */
  readonly sockets: ReadonlyMap<string, string>;
  /** Breaks the build off when it aborts. */
  readonly signal?: AbortSignal;
}

type Call = ReturnType<EngineClient['imageBuild']>;

/** What becomes of tars in the answers; undefined of those that weren't asked for. */
export interface BuildResults {
  readonly takeFiles?: TakeArchive;
  readonly takeCache?: TakeArchive;
}

/**
 * Resolves with the image's id, empty when none was asked for, once `results` have been taken.
 * Rejects with the builder's error or that of reading a context.
 */
export async function buildImage(
  engine: EngineClient,
  options: ImageBuildOptions,
  upload: BuildUpload,
  display: BuildDisplay,
  results: BuildResults = {},
): Promise<string> {
  const call = engine.imageBuild();
  const agents = new SshAgents(upload.sockets, (value) => void write(call, { message: { $case: 'ssh', value } }));
  const cancel = () => call.cancel();
  upload.signal?.addEventListener('abort', cancel, { once: true });
  let failure: unknown;
  const wanted = Promise.withResolvers<readonly number[]>();
  const contextId = upload.context.kind === 'directory' ? upload.context.directory.id : '';
  uploadAll(call, { ...options, contextId }, upload, wanted.promise).catch((error: unknown) => {
    failure = error;
    call.cancel();
  });
  let imageId = '';
  const archives = { files: new AnswerArchive(results.takeFiles), cacheFiles: new AnswerArchive(results.takeCache) };
  try {
    const answers = responses(call as unknown as Parameters<typeof responses<ImageBuildResponse>>[0]);
    for await (const { message } of answers) {
      if (message?.$case === 'imageId') imageId = message.value;
      else if (message?.$case === 'wanted') wanted.resolve(message.value.indexes);
      else if (message?.$case === 'ssh') agents.receive(message.value);
      else if (message?.$case === 'files' || message?.$case === 'cacheFiles') {
        await archives[message.$case].write(message.value);
      } else if (message !== undefined) show(message, display);
    }
    for (const archive of Object.values(archives)) await archive.end();
  } catch (error) {
    for (const archive of Object.values(archives)) archive.abandon(error);
    // Cancelled by ourselves: the reason is what went wrong with the context.
    throw failure ?? error;
  } finally {
    upload.signal?.removeEventListener('abort', cancel);
    agents.close();
    display.end();
  }
  return imageId;
}

function show(message: NonNullable<ImageBuildResponse['message']>, display: BuildDisplay): void {
  if (message.$case === 'step') display.step(message.value);
  else if (message.$case === 'stepOutput') display.stepOutput(message.value);
  else if (message.$case === 'stepEnd') display.stepEnd(message.value);
  else if (message.$case === 'warning') display.warning(message.value);
  else if (message.$case === 'excerpt') display.excerpt(message.value);
  else if (message.$case === 'output') display.note(message.value.toString());
}

/** `wanted` resolves when the engine says what it wants of a directory; never if it fails before. */
async function uploadAll(
  call: Call,
  options: ImageBuildOptions,
  upload: BuildUpload,
  wanted: Promise<readonly number[]>,
): Promise<void> {
  if (!(await write(call, { message: { $case: 'options', value: options } }))) return;
  const { context } = upload;
  if (context.kind === 'directory') {
    for await (const value of context.directory.listing()) {
      if (!(await write(call, { message: { $case: 'listing', value } }))) return;
    }
  }
  const data = context.kind === 'tar' ? context.data : context.directory.pack(await wanted);
  for await (const value of data) {
    if (!(await write(call, { message: { $case: 'data', value } }))) return;
  }
  for (const [name, context] of upload.named) {
    for await (const data of context) {
      if (!(await write(call, { message: { $case: 'namedData', value: { name, data } } }))) return;
    }
  }
  // Agents answer as long as the build runs.
  if (upload.sockets.size === 0) call.end();
  else await write(call, { message: { $case: 'contextsSent', value: true } });
}

/** False when the call has ended. */
function write(call: Call, request: ImageBuildRequest): Promise<boolean> {
  return send(call as unknown as Parameters<typeof send<ImageBuildRequest>>[0], request);
}
