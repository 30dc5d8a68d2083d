/** Sends a tar to a thread of its own that puts it into somebody else's file system. */
import { once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ExtractTarget } from './layer/extract.ts';
import { LayerWorkers } from './layer-workers.ts';

/** NOT_FOUND without the directory. What has been written when this throws stays. */
export async function extractInto(
  target: ExtractTarget,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const workers = new LayerWorkers();
  const ended = new AbortController();
  try {
    const extracting = workers.run({ ...target, kind: 'extract', input: port2 }, signal);
    const sending = send(archive, port1, ended.signal);
    // Whichever fails first is the reason.
    extracting.catch(() => undefined);
    sending.catch(() => undefined);
    await Promise.race([sending, extracting]);
    await extracting;
  } finally {
    ended.abort();
    port1.close();
    await workers.close();
  }
}

async function send(archive: AsyncIterable<Uint8Array>, port: MessagePort, signal: AbortSignal): Promise<void> {
  for await (const chunk of archive) {
    const taken = once(port, 'message', { signal });
    port.postMessage(chunk);
    await taken;
  }
  port.postMessage(null);
}
