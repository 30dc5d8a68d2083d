/** Sends a context to the engine's builder and shows what it does. */
import { responses, send } from '../../proto/client.ts';
import type {
  EngineClient,
  ImageBuildOptions,
  ImageBuildRequest,
  ImageBuildResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { BuildDisplay } from './build-display.ts';

/** Resolves with the image's id. Rejects with the builder's error or that of reading the context. */
export async function buildImage(
  engine: EngineClient,
  options: ImageBuildOptions,
  context: AsyncIterable<Buffer>,
  display: BuildDisplay,
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
      if (message?.$case === 'imageId') imageId = message.value;
      else if (message !== undefined) show(message, display);
    }
  } catch (error) {
    // Cancelled by ourselves: the reason is what went wrong with the context.
    throw failure ?? error;
  } finally {
    display.end();
  }
  return imageId;
}

function show(message: NonNullable<ImageBuildResponse['message']>, display: BuildDisplay): void {
  if (message.$case === 'step') display.step(message.value);
  else if (message.$case === 'stepOutput') display.stepOutput(message.value);
  else if (message.$case === 'stepEnd') display.stepEnd(message.value);
  else if (message.$case === 'output') display.note(message.value.toString());
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
