import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { download } from './download.ts';

const BOUNDS = { silenceMs: 10_000, maxBytes: 1000 };

describe('a download', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(listener: RequestListener): Promise<string> {
    const listening = createServer(listener);
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/a.tar`;
  }

  async function textOf(url: string, bounds = BOUNDS): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of download(url, bounds)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  it('is what the server sends, also elsewhere', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/b.tar') response.end('content');
      else response.writeHead(302, { location: '/b.tar' }).end();
    });
    expect(await textOf(url)).toBe('content');
  });

  it('ends with what the server answers instead', async () => {
    const url = await serve((_, response) => response.writeHead(404, 'Not Found').end('no'));
    await expect(textOf(url)).rejects.toThrow(`downloading ${url}: the server answers 404 Not Found`);
  });

  it.each([
    ['too much', (_, response) => response.end('x'.repeat(2000)), BOUNDS, /more than the 1000 bytes allowed/],
    ['nothing', () => undefined, { ...BOUNDS, silenceMs: 50 }, /has sent nothing for 0.05 seconds/],
    ['no end', (_, response) => response.write('x'), { ...BOUNDS, silenceMs: 50 }, /has sent nothing for 0.05 seconds/],
    [
      'half of it',
      (_, response) => response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy()),
      BOUNDS,
      /downloading http/,
    ],
    [
      'redirects in circles',
      (_, response) => response.writeHead(302, { location: '/a.tar' }).end(),
      BOUNDS,
      /redirect count exceeded/,
    ],
  ] as readonly (readonly [string, RequestListener, typeof BOUNDS, RegExp])[])(
    'of %s ends with an error',
    async (_, listener, bounds, message) => {
      await expect(textOf(await serve(listener), bounds)).rejects.toThrow(message);
    },
  );

  it('is refused for other protocols', async () => {
    await expect(textOf('file:///etc/passwd')).rejects.toThrow('cannot download file:///etc/passwd');
  });
});
