/** Clients of the registry that send anything: an answer of the specification each time, and nothing left behind. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../proto/free-port.testing.ts';
import { digestOf } from '../image/content-store.ts';
import { DOCKER_INDEX, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../image/manifest.ts';
import { isRoot, makeTar, TestStores } from '../image/testing/fixtures.ts';
import { FUZZ_TIMEOUT_MS, fuzz } from '../image/testing/fuzz.ts';
import { parsePushedManifest } from './pushed-manifest.ts';
import { RegistryError } from './registry-error.ts';
import { RegistryServer } from './registry-server.ts';

const BLOB = makeTar([{ name: 'file', data: 'hello' }]);
const BOMB = makeTar([{ name: '../evil', data: 'evil' }]);
const configOf = (layer: Buffer) =>
  Buffer.from(
    JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }),
  );

let stores: TestStores;
let server: RegistryServer;
let port: number;
beforeEach(async () => {
  stores = await new TestStores().open();
  port = await freePort();
  server = new RegistryServer({
    options: { address: `127.0.0.1:${port}`, certificate: '', key: '', users: '', hosts: [] },
    ...{ dir: stores.dir, images: stores.images, names: ['h1'], now: Date.now, random: randomBytes },
    logger: pino({ level: 'silent' }),
  });
  await server.open();
  await server.listen();
});
afterEach(async () => {
  await server.close();
  expect(ingest()).toEqual([]);
  await stores.dispose();
});

const ingest = () => readdirSync(join(stores.dir, 'content/ingest'));

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly location: string;
  readonly body: string;
}

function send({ method, path, headers, body }: Sent): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const all = { ...headers, 'content-length': body.length };
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers: all, agent: false }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '', body: text });
    });
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

/** Bytes as they are; resolves when the other end has closed. */
function sendRaw(text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = '';
  const socket = connect(port, '127.0.0.1', () => socket.end(text));
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
  });
  socket.on('error', () => undefined).on('close', () => resolve(answer));
  return promise;
}

const put = (path: string, body: Buffer, type = OCI_MANIFEST) =>
  send({ method: 'PUT', path: `/v2/app/manifests/${path}`, headers: { 'content-type': type }, body });
const push = (body: Buffer, digest = digestOf(body)) =>
  send({ method: 'POST', path: `/v2/app/blobs/uploads/?digest=${digest}`, headers: {}, body });

/** An image whose layer this is. */
async function pushImage(layer: Buffer): Promise<Answer> {
  const config = configOf(layer);
  for (const blob of [layer, config]) expect((await push(blob)).status).toBe(201);
  const descriptor = (mediaType: string, data: Buffer) => ({ mediaType, digest: digestOf(data), size: data.length });
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(OCI_CONFIG, config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
  };
  return await put('1', Buffer.from(JSON.stringify(manifest)));
}

describe.runIf(isRoot)('a client that', () => {
  it('pushes a layer that leads outside is told so, and nothing of the image is there', async () => {
    const answer = await pushImage(BOMB);
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.body).toMatch(/MANIFEST_INVALID.*unpacking layer 1 of .*app:1: entry .*leads outside/);
    expect(stores.images.count()).toBe(0);
    expect(readdirSync(join(stores.dir, 'layers/tmp'))).toEqual([]);
  });

  it('pushes what is both an index and an image is refused', async () => {
    const document = { schemaVersion: 2, config: {}, layers: [], manifests: [] };
    const answer = await put('1', Buffer.from(JSON.stringify(document)), OCI_INDEX);
    expect(answer).toMatchObject({ status: 400, body: expect.stringContaining('both an index and an image') });
  });

  it('breaks off while it pushes in one piece leaves nothing, however often', async () => {
    const line = `POST /v2/app/blobs/uploads/?digest=${digestOf(BLOB)} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n`;
    for (let index = 0; index < 300; index++) await sendRaw(`${line}content-length: 1000\r\n\r\nhalf`);
    await expect.poll(ingest).toEqual([]);
    expect((await push(BLOB)).status).toBe(201);
  });

  it('pushes other bytes than it says leaves nothing', async () => {
    expect((await push(BLOB, digestOf(Buffer.from('other')))).status).toBe(400);
    expect(ingest()).toEqual([]);
  });
});

describe.runIf(isRoot)('a request of any kind', () => {
  const digest = fc.constantFrom(
    digestOf(BLOB),
    digestOf(Buffer.from('x')),
    'sha256:',
    'sha512:00',
    '..%2f..',
    'latest',
  );
  const name = fc.constantFrom('app', 'a/b', 'A', '..', '%2e%2e', 'a//b', 'blobs', 'v2', 'x'.repeat(300), '%00', '%');
  const path = fc.oneof(
    fc.tuple(name, digest).map(([repository, one]) => `/v2/${repository}/manifests/${one}`),
    fc.tuple(name, digest).map(([repository, one]) => `/v2/${repository}/blobs/${one}`),
    fc.tuple(name, digest).map(([repository, one]) => `/v2/${repository}/blobs/uploads/?digest=${one}`),
    fc
      .tuple(name, digest, name)
      .map(([repository, one, from]) => `/v2/${repository}/blobs/uploads/?mount=${one}&from=${from}`),
    fc.tuple(name, digest).map(([repository, one]) => `/v2/${repository}/referrers/${one}`),
    name.map((repository) => `/v2/${repository}/blobs/uploads/`),
    name.map((repository) => `/v2/${repository}/tags/list?n=-1&last=%ff`),
    fc.constant('UPLOAD'),
    fc.constantFrom('/v2', '/v2/', '/', '/v2/_catalog?n=x', '/v2/%2f', '//', '/v2/app/manifests/', '/v2/../etc/passwd'),
  );
  const headers = fc.dictionary(
    fc.constantFrom('content-type', 'content-range', 'range', 'host', 'authorization', 'accept', 'if-none-match'),
    fc.constantFrom(
      '',
      '*',
      '0-4',
      '0-99999999999999999999',
      '5-4',
      'bytes=-0',
      'bytes=9-',
      OCI_MANIFEST,
      OCI_INDEX,
      'evil.example',
    ),
    { maxKeys: 3 },
  );
  const body = fc.oneof(
    fc.constantFrom(
      BLOB,
      Buffer.alloc(0),
      Buffer.from('{}'),
      Buffer.from('[]'),
      Buffer.from('{"schemaVersion":2,"layers":[1]}'),
    ),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  );
  const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE');

  it(
    'is answered, never as a fault of the server',
    async () => {
      let upload = '/v2/app/blobs/uploads/none';
      await fc.assert(
        fc.asyncProperty(fc.record({ method, path, headers, body }), async (sent) => {
          const answer = await send({ ...sent, path: sent.path === 'UPLOAD' ? upload : sent.path });
          expect(answer.status).toBeLessThan(500);
          if (answer.location.includes('/uploads/')) upload = answer.location;
          const isRefusal = answer.status >= 400 && sent.method !== 'HEAD';
          if (isRefusal) expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code: expect.any(String) }] });
        }),
        fuzz(400, 41),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('a manifest of any kind', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(digestOf(BLOB), OCI_MANIFEST, OCI_INDEX, OCI_CONFIG, -1, 1e300, null, [], {}, [
      { digest: digestOf(BLOB), size: 1 },
    ]),
  );
  const fields = fc.constantFrom(
    'mediaType',
    'artifactType',
    'config',
    'layers',
    'manifests',
    'subject',
    'annotations',
    '__proto__',
  );
  const document = fc.oneof(value, fc.dictionary(fields, value, { maxKeys: 6 }));

  it(
    'is understood, or refused as the client’s fault',
    () => {
      fc.assert(
        fc.property(document, fc.constantFrom(OCI_MANIFEST, OCI_INDEX, DOCKER_INDEX, '', 'text/html'), (what, type) => {
          try {
            parsePushedManifest(Buffer.from(JSON.stringify(what)), type);
          } catch (error) {
            if (!(error instanceof RegistryError)) expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
          }
        }),
        fuzz(1500, 42),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
