/** Sends a context to the engine's builder and shows what it does. */
import { responses, send } from '../../proto/client.ts';
import type {
  EngineClient,
  ImageBuildOptions,
  ImageBuildRequest,
  ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';

export interface BuildListener {
  step(step: {
    readonly number: number;
    readonly total: number;
    readonly text: string;
    readonly cached: boolean;
  }): void;
  output(data: Uint8Array): void;
}

/** Resolves with the image's id. Rejects with the builder's error or that of reading the context. */
export async function buildImage(
  engine: EngineClient,
  options: ImageBuildOptions,
  context: AsyncIterable<Buffer>,
  listener: BuildListener,
): Promise<string> {
  const call = engine.imageBuild();
  const uploading = uploadContext(call, options, context);
  let failure: unknown;
  uploading.catch((error: unknown) => {
    failure = error;
    call.cancel();
  });
  let imageId = '';
  try {
    for await (const { message } of responses(call as unknown as Parameters<typeof responses<ImageBuildResponse>>[0])) {
      if (message?.$case === 'step') listener.step(message.value);
      else if (message?.$case === 'output') listener.output(message.value);
      else if (message?.$case === 'imageId') imageId = message.value;
    }
  } catch (error) {
    // Cancelled by ourselves: the reason is what went wrong with the context.
    throw failure ?? error;
  }
  return imageId;
}

async function uploadContext(
  call: ReturnType<EngineClient['imageBuild']>,
  options: ImageBuildOptions,
  context: AsyncIterable<Buffer>,
): Promise<void> {
  const requests = call as unknown as Parameters<typeof send<ImageBuildRequest>>[0];
  if (!(await send(requests, { message: { $case: 'options', value: options } }))) return;
  for await (const value of context) {
    if (!(await send(requests, { message: { $case: 'data', value } }))) return;
  }
  call.end();
}
