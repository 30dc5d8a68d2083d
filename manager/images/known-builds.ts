/** Asks nodes what they have built from the same sources. */
import { BuildKnownRequest, BuildKnownResponse } from '../../proto/generated/gantry/v1/dispatcher.ts';

interface Engines {
  openStream(
    nodeId: string,
    method: string,
    requests: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

/** To build takes longer, as a rule; a node that is off is not waited for. */
const TIMEOUT_MS = 2000;

/** Those that know one; who doesn't answer knows none. */
export async function askKnownBuilds(
  engines: Engines,
  nodeIds: readonly string[],
  request: BuildKnownRequest,
  signal: AbortSignal,
): Promise<BuildKnownResponse[]> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const answers = await Promise.all(nodeIds.map((nodeId) => askOne(engines, nodeId, request, limited)));
  return answers.filter(({ digest }) => digest !== '');
}

async function askOne(
  engines: Engines,
  nodeId: string,
  request: BuildKnownRequest,
  signal: AbortSignal,
): Promise<BuildKnownResponse> {
  const nothing = BuildKnownResponse.create();
  try {
    const requests = [BuildKnownRequest.encode(request).finish()];
    for await (const data of engines.openStream(nodeId, 'BuildKnown', each(requests), signal)) {
      return BuildKnownResponse.decode(data);
    }
  } catch {
    // It is off, or of an earlier version: the build is gone through.
  }
  return nothing;
}

async function* each(requests: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* requests;
}
