/** Sends a context to the engine's builder and shows what it does. */
import { responses, send } from '../../proto/client.ts';
import type {
  EngineClient,
  ImageBuildOptions,
  ImageBuildRequest,
  ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
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
}

type Call = ReturnType<EngineClient['imageBuild']>;
type TakeFiles = (archive: AsyncIterable<Uint8Array>) => Promise<void>;

/**
 * Resolves with the image's id, empty when none was asked for; `takeFiles` gets the tar of its files when those were.
 * Rejects with the builder's error or that of reading a context.
 */
export async function buildImage(
  engine: EngineClient,
  options: ImageBuildOptions,
  upload: BuildUpload,
  display: BuildDisplay,
  takeFiles: TakeFiles = drop,
): Promise<string> {
  const call = engine.imageBuild();
  const agents = new SshAgents(upload.sockets, (value) => void write(call, { message: { $case: 'ssh', value } }));
  let failure: unknown;
  const wanted = Promise.withResolvers<readonly number[]>();
  const contextId = upload.context.kind === 'directory' ? upload.context.directory.id : '';
  uploadAll(call, { ...options, contextId }, upload, wanted.promise).catch((error: unknown) => {
    failure = error;
    call.cancel();
  });
  let imageId = '';
  try {
    const answers = responses(call as unknown as Parameters<typeof responses<ImageBuildResponse>>[0]);
    for await (const { message } of answers) {
      if (message?.$case === 'imageId') imageId = message.value;
      else if (message?.$case === 'wanted') wanted.resolve(message.value.indexes);
      else if (message?.$case === 'ssh') agents.receive(message.value);
      else if (message?.$case === 'files') await takeFiles(filesFrom(message.value, answers));
      else if (message !== undefined) show(message, display);
    }
  } catch (error) {
    // Cancelled by ourselves: the reason is what went wrong with the context.
    throw failure ?? error;
  } finally {
    agents.close();
    display.end();
  }
  return imageId;
}

/** The rest of the answers, all of which are files. */
async function* filesFrom(
  first: Uint8Array,
  answers: AsyncGenerator<ImageBuildResponse, void, undefined>,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await answers.next(); next.done !== true; next = await answers.next()) {
    if (next.value.message?.$case === 'files') yield next.value.message.value;
  }
}

async function drop(archive: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of archive) {
    // What nobody has asked for.
  }
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
