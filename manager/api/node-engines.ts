/** Calls to the engines of nodes that have one answer. */
import type { ApiContext } from './context.ts';
import { only } from './port-probe.ts';

interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

/** Throws what the engine threw; UNAVAILABLE when the node doesn't answer. */
export async function callEngine<Request, Response>(
  context: ApiContext,
  nodeId: string,
  method: string,
  [requests, responses]: readonly [Codec<Request>, Codec<Response>],
  request: Request,
  signal: AbortSignal,
): Promise<Response> {
  const query = requests.encode(request).finish();
  for await (const data of context.engines.openStream(nodeId, method, only(query), signal)) {
    return responses.decode(data);
  }
  return responses.decode(new Uint8Array());
}
