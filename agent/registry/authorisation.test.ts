import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { digestOf } from '../image/content-store.ts';
import { isRoot, makeTar } from '../image/testing/fixtures.ts';
import { FakeRegistry } from './testing/fake-registry.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const layer = makeTar([{ name: 'file', data: 'x' }]);
const ALICE: RegistryCredentials = { username: 'alice', password: 'pw', identityToken: '', registryToken: '' };
const LOGIN = { username: 'alice', password: 'pw' };

let registry: FakeRegistry;
let fixture: RegistryFixture;
beforeEach(async () => {
  registry = await new FakeRegistry().start();
  fixture = await new RegistryFixture().open();
  registry.putImage('app', '1', [layer]);
});
afterEach(async () => {
  await registry.stop();
  await fixture.dispose();
});

const image = () => `${registry.host}/app:1`;

describe.runIf(isRoot)('a registry with a login', () => {
  it.each(['basic', 'bearer'] as const)('by %s lets those in who have one, and nobody else', async (scheme) => {
    registry.login = { ...LOGIN, scheme };
    await expect(fixture.pull(image())).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(
        /^pull access denied for .*app, repository does not exist or may require 'gantry login'/,
      ),
    });
    await expect(fixture.pull(image(), { credentials: { ...ALICE, password: 'no' } })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    await fixture.pull(image(), { credentials: ALICE });
    await fixture.login(registry.host, ALICE);
    await expect(fixture.login(registry.host, { ...ALICE, password: 'no' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  it('gets the scope and the account with the question for a token, and a new one when it has expired', async () => {
    registry.login = { ...LOGIN, scheme: 'bearer', expiresInS: 60 };
    registry.misbehave = ({ url = '' }) => {
      // Each request comes a minute after the one before it.
      if (url.startsWith('/v2/app/')) fixture.nowMs += 60_000;
      return false;
    };
    await fixture.pull(image(), { credentials: ALICE });
    const tokens = registry.seen('GET /token').map(({ url }) => new URL(url, 'http://x').searchParams);
    expect(tokens.length).toBeGreaterThan(2);
    expect(Object.fromEntries(tokens[0] ?? [])).toEqual({
      service: 'fake',
      scope: 'repository:app:pull',
      account: 'alice',
    });
  });

  it('that takes back a token is asked for another one', async () => {
    registry.login = { ...LOGIN, scheme: 'bearer' };
    let revoked = false;
    registry.misbehave = ({ url = '' }) => {
      if (url.includes('/blobs/') && !revoked) {
        revoked = true;
        registry.tokens.clear();
      }
      return false;
    };
    await fixture.pull(image(), { credentials: ALICE });
    expect(registry.seen('GET /token')).toHaveLength(2);
  });

  it('takes a refresh token in place of a password', async () => {
    registry.login = { ...LOGIN, scheme: 'bearer' };
    const credentials = { username: '', password: '', identityToken: 'refresh-me', registryToken: '' };
    await fixture.pull(image(), { credentials });
    expect(registry.seen('POST /token')).toHaveLength(1);
    expect(registry.seen('GET /token')).toHaveLength(0);
  });

  it('is shown the password at its token server only', async () => {
    registry.login = { ...LOGIN, scheme: 'bearer' };
    await fixture.pull(image(), { credentials: ALICE });
    const shown = registry.requests.filter(({ headers }) => headers.authorization?.startsWith('Basic'));
    expect(shown.map(({ url }) => url.split('?')[0])).toEqual(['/token']);
  });
});

describe.runIf(isRoot)('what is secret', () => {
  it('does not go where a registry redirects to', async () => {
    const other = await new FakeRegistry().start();
    try {
      registry.login = { ...LOGIN, scheme: 'basic' };
      other.putImage('app', '1', [layer]);
      const path = `/v2/app/blobs/${digestOf(layer)}`;
      registry.misbehave = ({ url }, response) => {
        if (url === path) response.writeHead(307, { location: `http://${other.host}${path}` }).end();
        return url === path;
      };
      await fixture.pull(image(), { credentials: ALICE });
      expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    } finally {
      await other.stop();
    }
  });
});

describe.runIf(isRoot)('a refresh token', () => {
  it('does not go where a token server redirects to', async () => {
    registry.login = { ...LOGIN, scheme: 'bearer' };
    const other = await new FakeRegistry().start();
    try {
      registry.misbehave = ({ url = '' }, response) => {
        if (url === '/token') response.writeHead(307, { location: `http://${other.host}/token` }).end();
        return url === '/token';
      };
      const credentials = { username: '', password: '', identityToken: 'refresh-me', registryToken: '' };
      await expect(fixture.pull(image(), { credentials })).rejects.toThrow('redirects what is secret to');
      expect(other.requests).toEqual([]);
    } finally {
      await other.stop();
    }
  });
});

describe.runIf(isRoot)('a push', () => {
  it('sends what is missing, mounts what another repository has, and is remembered by its digest', async () => {
    await fixture.pull(image());
    await fixture.stores.images.tag(image(), `${registry.host}/copy:2`);
    const events = await fixture.push(`${registry.host}/copy:2`);
    const pushed = events.flatMap(({ message }) => (message?.$case === 'pushed' ? [message.value] : []));
    expect(pushed).toMatchObject([{ tag: '2' }]);
    expect(registry.seen(`POST /v2/copy/blobs/uploads/?mount=`)).toHaveLength(1);
    expect(registry.seen('PUT /v2/copy/blobs/uploads/')).toHaveLength(1);
    expect(registry.manifests.get('copy:2')?.bytes).toEqual(registry.manifests.get('app:1')?.bytes);
    expect((await fixture.stores.images.inspect(image())).digests).toContain(
      `${registry.host}/copy@${pushed[0]?.digest}`,
    );
    registry.requests.length = 0;
    await fixture.push(`${registry.host}/copy:2`);
    expect(registry.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('pushes all tags', async () => {
    await fixture.pull(image());
    for (const tag of ['a', 'b']) await fixture.stores.images.tag(image(), `${registry.host}/all:${tag}`);
    await fixture.push(`${registry.host}/all`, { allTags: true });
    expect([...registry.manifests.keys()]).toEqual(expect.arrayContaining(['all:a', 'all:b']));
  });

  it.each([
    ['missing:1', {}, 'IMAGE_NOT_FOUND', /An image does not exist locally with the tag: .*missing:1/],
    ['missing', { allTags: true }, 'IMAGE_NOT_FOUND', /An image does not exist locally/],
    ['app:1', { allTags: true }, 'INVALID_ARGUMENT', /tag can't be used with --all-tags/],
    [`app@${digestOf(layer)}`, {}, 'INVALID_ARGUMENT', /cannot push a digest reference/],
  ])('of %s %j is refused', async (name, options, code, message) => {
    await expect(fixture.push(`${registry.host}/${name}`, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('that the registry breaks off is done again, and one that it refuses says so', async () => {
    await fixture.pull(image());
    await fixture.stores.images.tag(image(), `${registry.host}/copy:2`);
    registry.blobs.clear();
    let breaks = 1;
    registry.misbehave = ({ method, socket }) => {
      if (method !== 'PUT' || breaks-- <= 0) return false;
      socket.destroy();
      return true;
    };
    await fixture.push(`${registry.host}/copy:2`);
    expect(fixture.pauses).toHaveLength(1);
    registry.login = { ...LOGIN, scheme: 'basic' };
    await expect(fixture.push(`${registry.host}/copy:2`)).rejects.toThrow(
      /^push access denied for .*copy, it may require 'gantry login'/,
    );
  });
});
