/** What a URL of the user's leads to, as it comes. Bounded in time and size, whatever the server does. */
import { CliError } from './failure.ts';

export interface DownloadBounds {
  /** Until the server answers, and between any two pieces of what it sends. */
  readonly silenceMs: number;
  readonly maxBytes: number;
}

const BOUNDS: DownloadBounds = { silenceMs: 60_000, maxBytes: 128 * 2 ** 30 };

export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** Only http and https. Redirects are followed, twenty at most. */
export async function* download(url: string, bounds: DownloadBounds = BOUNDS): AsyncGenerator<Buffer, void, undefined> {
  if (!/^https?:\/\//i.test(url)) {
    throw new CliError(`cannot download ${url}`, {
      hint: 'only http:// and https:// are known; - reads standard input',
    });
  }
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), bounds.silenceMs);
  try {
    const { body, ok, status, statusText } = await fetch(url, { signal: controller.signal });
    if (!ok) throw new CliError(`downloading ${url}: the server answers ${status} ${statusText}`.trimEnd());
    let received = 0;
    for await (const chunk of body ?? []) {
      timer.refresh();
      received += chunk.length;
      if (received > bounds.maxBytes) {
        throw new CliError(`downloading ${url}: more than the ${bounds.maxBytes} bytes allowed`);
      }
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      // Whoever takes the bytes may be slow; that is no silence of the server's.
      timer.refresh();
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (controller.signal.aborted) {
      throw new CliError(`downloading ${url}: the server has sent nothing for ${bounds.silenceMs / 1000} seconds`);
    }
    throw new CliError(`downloading ${url}: ${reasonOf(error)}`);
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

/** fetch() says "fetch failed", and its cause why. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
