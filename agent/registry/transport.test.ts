import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRoot, makeTar } from '../image/testing/fixtures.ts';
import { FakeRegistry } from './testing/fake-registry.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';
import { SECURE_HOST, SecureFront } from './testing/secure-front.ts';

const layer = makeTar([{ name: 'file', data: 'x' }]);
const IMAGE = `${SECURE_HOST}/app:1`;

let registry: FakeRegistry;
let front: SecureFront;
let directory: string;
let fixture: RegistryFixture | undefined;
beforeEach(async () => {
  registry = await new FakeRegistry().start();
  registry.putImage('app', '1', [layer]);
  front = await SecureFront.start(registry);
  directory = mkdtempSync(join(tmpdir(), 'gantry-certs-'));
});
afterEach(async () => {
  await fixture?.dispose();
  await front.stop();
  await registry.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function open(settings = {}, env: Record<string, string> = { HTTPS_PROXY: front.proxyUrl }) {
  fixture = await new RegistryFixture({ settings: { certificates: [directory], ...settings }, env }).open();
  return fixture;
}

function trust(host: string, pem: string): void {
  mkdirSync(join(directory, host));
  writeFileSync(join(directory, host, 'ca.crt'), pem);
}

describe.runIf(isRoot)('a registry with TLS', () => {
  it('of an authority that nobody knows is not trusted, and the hint says where to put its certificate', async () => {
    const own = await open();
    await expect(own.pull(IMAGE)).rejects.toMatchObject({
      code: 'HOST',
      message: expect.stringContaining(`the certificate of ${SECURE_HOST} is not trusted`),
      hint: `put its authority's certificate into /etc/gantry/certs.d/${SECURE_HOST}/ca.crt`,
    });
    expect(registry.requests).toEqual([]);
  });

  it('is reached through the proxy, and trusted by the authority that is laid down for it', async () => {
    trust(SECURE_HOST, front.certificate);
    await (await open()).pull(IMAGE);
    expect(new Set(front.proxied)).toEqual(new Set([`${SECURE_HOST}:443`]));
    // One connection for all that a pull asks for.
    expect(front.proxied.length).toBeLessThan(registry.requests.length);
  });

  it('by another name than its certificate has is not trusted', async () => {
    trust('other.test', front.certificate);
    await expect((await open()).pull('other.test/app:1')).rejects.toMatchObject({ code: 'HOST' });
  });

  it('is taken as it is when it is named as insecure', async () => {
    await (await open({ insecure: [SECURE_HOST] })).pull(IMAGE);
  });

  it('on this host needs neither a certificate nor the proxy', async () => {
    await (await open()).pull(`${front.host}/app:1`);
    expect(front.proxied).toEqual([]);
  });

  it('that redirects to plain HTTP is refused', async () => {
    trust(SECURE_HOST, front.certificate);
    registry.misbehave = ({ url = '' }, response) => {
      if (url.includes('/blobs/')) response.writeHead(307, { location: `http://${registry.host}${url}` }).end();
      return url.includes('/blobs/');
    };
    await expect((await open()).pull(IMAGE)).rejects.toThrow(`${SECURE_HOST} redirects from TLS to plain HTTP`);
  });

  it('that names a token server without TLS is not told a password', async () => {
    trust(SECURE_HOST, front.certificate);
    registry.login = { scheme: 'bearer', username: 'alice', password: 'pw' };
    const credentials = { username: 'alice', password: 'pw', identityToken: '', registryToken: '' };
    await expect((await open()).pull(IMAGE, { credentials })).rejects.toThrow('names a token server without TLS');
    expect(registry.seen('GET /token')).toEqual([]);
  });
});

describe.runIf(isRoot)('a mirror', () => {
  const HUB_IMAGE = 'app:1';

  it('is asked for images of Docker Hub, without the credentials for it', async () => {
    registry.putImage('library/app', '1', [layer]);
    const own = await open({ mirrors: [`http://${registry.host}`] });
    const credentials = { username: 'alice', password: 'pw', identityToken: '', registryToken: 'secret' };
    await own.pull(HUB_IMAGE, { credentials });
    expect(registry.requests.map(({ headers }) => headers.authorization)).not.toContain('Bearer secret');
    expect((await own.stores.images.inspect('app:1')).tags).toEqual(['app:1']);
  });

  it('that hasn’t got one, or is away, is passed over', async () => {
    const other = await new FakeRegistry().start();
    try {
      other.putImage('library/app', '1', [layer]);
      const own = await open({
        mirrors: ['http://127.0.0.1:1', `http://${registry.host}`, `http://${other.host}`],
      });
      await own.pull(HUB_IMAGE);
    } finally {
      await other.stop();
    }
  });
});
