/** Asks the engine's builder which image a directory would give, without building it. */
import { responses, send } from '../../proto/client.ts';
import {
  BuildResult,
  type EngineClient,
  type ImageBuildOptions,
  type ImageBuildRequest,
  type ImageBuildResponse,
  type PinnedImage,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { DirectoryContext } from './context-changes.ts';

type Call = Parameters<typeof send<ImageBuildRequest>>[0];

/** One that was built before from the same. Undefined when that isn't known. Rejects as `buildImage` does. */
export async function findKnownBuild(
  engine: EngineClient,
  options: ImageBuildOptions,
  directory: DirectoryContext,
): Promise<PinnedImage | undefined> {
  const call = engine.imageBuild();
  const value = { ...options, contextId: directory.id, results: [BuildResult.KNOWN] };
  let failure: unknown;
  sendListing(call as unknown as Call, value, directory).catch((error: unknown) => {
    failure = error;
    call.cancel();
  });
  let known: PinnedImage | undefined;
  try {
    for await (const { message } of responses(call as unknown as Parameters<typeof responses<ImageBuildResponse>>[0])) {
      if (message?.$case === 'known') known = message.value;
    }
  } catch (error) {
    // Cancelled by ourselves: the reason is what went wrong with the directory.
    throw failure ?? error;
  }
  return known;
}

async function sendListing(call: Call, options: ImageBuildOptions, directory: DirectoryContext): Promise<void> {
  if (!(await send(call, { message: { $case: 'options', value: options } }))) return;
  for await (const value of directory.listing()) {
    if (!(await send(call, { message: { $case: 'listing', value } }))) return;
  }
  call.end();
}
