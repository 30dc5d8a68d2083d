import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImagePullResponse, TransferPhase } from '../../proto/generated/gantry/v1/engine.ts';
import { digestOf } from '../image/content-store.ts';
import { OCI_CONFIG, OCI_LAYER } from '../image/manifest.ts';
import { isRoot, makeTar } from '../image/testing/fixtures.ts';
import { FakeRegistry, refuse } from './testing/fake-registry.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const base = makeTar([{ name: 'etc/' }, { name: 'etc/motd', data: 'base' }]);
const top = makeTar([
  { name: 'etc/motd', data: 'top' },
  { name: 'big', data: Buffer.alloc(3 << 20, 7) },
]);
const NOTHING = { blobs: [], ingest: [], layers: [] };

let registry: FakeRegistry;
let fixture: RegistryFixture;
beforeEach(async () => {
  registry = await new FakeRegistry().start();
  fixture = await new RegistryFixture().open();
});
afterEach(async () => {
  await registry.stop();
  await fixture.dispose();
});

const name = (suffix: string) => `${registry.host}/${suffix}`;
const blobPath = (data: Buffer) => `/v2/app/blobs/${digestOf(data)}`;

function pulled(events: readonly ImagePullResponse[]) {
  return events.flatMap(({ message }) => (message?.$case === 'pulled' ? [message.value] : []));
}

function phases(events: readonly ImagePullResponse[], layer: Buffer): TransferPhase[] {
  const id = digestOf(layer).slice(7, 19);
  const all = events.flatMap(({ message }) => (message?.$case === 'progress' ? [message.value] : []));
  return [...new Set(all.filter((progress) => progress.layer === id).map(({ phase }) => phase))];
}

function sendPart(response: ServerResponse, data: Buffer, bytes: number): void {
  response.writeHead(200, { 'content-length': data.length });
  response.write(data.subarray(0, bytes), () => response.destroy());
}

describe.runIf(isRoot)('a pull', () => {
  it('brings an image with its layers, and names it by tag and digest', async () => {
    const digest = registry.putImage('app', '1', [base, top]);
    const events = await fixture.pull(name('app:1'));
    expect(events[0]).toEqual({ message: { $case: 'pulling', value: { repository: 'app', version: '1' } } });
    expect(pulled(events)).toMatchObject([{ name: name('app:1'), digest, isNew: true }]);
    expect(phases(events, base)).toEqual([
      ...[TransferPhase.WAITING, TransferPhase.DOWNLOADING, TransferPhase.DOWNLOADED],
      ...[TransferPhase.UNPACKING, TransferPhase.PULLED],
    ]);
    const image = await fixture.stores.images.inspect(name('app:1'));
    expect(image).toMatchObject({ tags: [name('app:1')], digests: [name(`app@${digest}`)], layers: 2 });
    expect((await fixture.stores.images.inspect(name(`app@${digest}`))).id).toBe(image.id);
  });

  it('again brings nothing, and says so; a tag that has moved leaves the image it was on its digest', async () => {
    const first = registry.putImage('app', '1', [base]);
    await fixture.pull(name('app:1'));
    expect(pulled(await fixture.pull(name('app:1')))[0]).toMatchObject({ isNew: false });
    expect(registry.seen(`GET ${blobPath(base)}`)).toHaveLength(1);
    registry.putImage('app', '1', [base, top]);
    const events = await fixture.pull(name('app:1'));
    expect(pulled(events)[0]).toMatchObject({ isNew: true });
    expect(phases(events, base)).toContain(TransferPhase.ALREADY_THERE);
    const old = await fixture.stores.images.inspect(name(`app@${first}`));
    expect(old).toMatchObject({ tags: [], digests: [name(`app@${first}`)] });
    const { untagged } = await fixture.stores.images.remove(name('app:1'), { force: false, isUsed: () => undefined });
    expect(untagged).toHaveLength(2);
    await fixture.stores.images.remove(name(`app@${first}`), { force: false, isUsed: () => undefined });
    expect(await fixture.left()).toEqual(NOTHING);
  });

  it('chooses from an index by platform, survives a restart, and refuses what there is none for', async () => {
    const own = registry.putImage('app', 'own', [base]);
    const other = registry.putImage('app', 'other', [top], 'riscv64');
    const index = registry.putIndex('app', '1', { riscv64: other, [fixture.stores.images.platform.architecture]: own });
    expect(pulled(await fixture.pull(name('app:1')))).toMatchObject([{ digest: index }]);
    expect(await fixture.stores.images.inspect(name('app:1'))).toMatchObject({ digests: [name(`app@${index}`)] });
    await expect(fixture.pull(name('app:1'), { platform: 'linux/s390x' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('no matching manifest for linux/s390x'),
    });
    await fixture.stores.reopen();
    expect(await fixture.stores.images.inspect(name(`app@${index}`))).toMatchObject({ tags: [name('app:1')] });
  });

  it('for another platform brings that one; of an image without an index it must be that one', async () => {
    const other = registry.putImage('app', 'other', [top], 'riscv64');
    registry.putIndex('app', '1', { riscv64: other });
    await fixture.pull(name('app:1'), { platform: 'linux/riscv64' });
    expect(await fixture.stores.images.inspect(name('app:1'))).toMatchObject({ architecture: 'riscv64' });
    await expect(fixture.pull(name('app:other'), { platform: 'linux/arm64' })).rejects.toThrow(
      'is for linux/riscv64, not for linux/arm64',
    );
  });

  it('by digest verifies it; with all tags brings each', async () => {
    const digest = registry.putImage('app', '1', [base]);
    registry.putImage('app', '2', [top]);
    await fixture.pull(name(`app@${digest}`));
    expect((await fixture.stores.images.inspect(name(`app@${digest}`))).tags).toEqual([]);
    expect(pulled(await fixture.pull(name(`app:1@${digest}`)))[0]).toMatchObject({ digest, isNew: false });
    expect(pulled(await fixture.pull(name('app'), { allTags: true })).map((one) => one.name)).toEqual([
      name('app:1'),
      name('app:2'),
    ]);
    const stored = registry.manifests.get(`app:2`);
    if (stored !== undefined) registry.manifests.set(`app:${digest}`, stored);
    await expect(fixture.pull(name(`app@${digest}`))).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  it('takes compressed layers', async () => {
    const layer = gzipSync(base);
    const config = Buffer.from(
      JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf(base)] } }),
    );
    registry.putManifest('app', '1', {
      config: { mediaType: OCI_CONFIG, ...registry.putBlob('app', config) },
      layers: [{ mediaType: `${OCI_LAYER}+gzip`, ...registry.putBlob('app', layer) }],
    });
    await fixture.pull(name('app:1'));
    expect((await fixture.stores.images.inspect(name('app:1'))).sizeBytes).toBe(4);
  });

  it('shares the layers that two pulls want, and goes on when one of them is given up', async () => {
    // It is the test that holds it up.
    await fixture.dispose();
    fixture = await new RegistryFixture({ stallMs: 60_000 }).open();
    registry.putImage('app', '1', [base, top]);
    registry.putImage('app', '2', [base, top]);
    const release = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    registry.misbehave = (request, response) => {
      if (request.url !== blobPath(top)) return false;
      response.writeHead(200, { 'content-length': top.length });
      response.write(top.subarray(0, 1000));
      held.resolve();
      void release.promise.then(() => response.end(top.subarray(1000)));
      return true;
    };
    const abort = new AbortController();
    const first = fixture.pull(name('app:1'), {}, { signal: abort.signal });
    await held.promise;
    const joined = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const others = ['app:2', 'app:1'].map((other, index) => {
      const onEvent = (event: ImagePullResponse) => {
        if (phases([event], top).includes(TransferPhase.DOWNLOADING)) joined[index]?.resolve();
      };
      return fixture.pull(name(other), {}, { onEvent });
    });
    await Promise.all(joined.map(({ promise }) => promise));
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: 'CANCELLED' });
    release.resolve();
    await Promise.all(others);
    expect(registry.seen(`GET ${blobPath(top)}`)).toHaveLength(1);
  });

  it('that is given up leaves nothing', async () => {
    registry.putImage('app', '1', [base, top]);
    const held = Promise.withResolvers<ServerResponse>();
    registry.misbehave = (request, response) => {
      if (request.url !== blobPath(top)) return false;
      response.writeHead(200, { 'content-length': top.length }).write(top.subarray(0, 1000));
      held.resolve(response);
      return true;
    };
    const abort = new AbortController();
    const pull = fixture.pull(name('app:1'), {}, { signal: abort.signal });
    const response = await held.promise;
    const closed = once(response, 'close');
    abort.abort();
    await expect(pull).rejects.toMatchObject({ code: 'CANCELLED' });
    await closed;
    expect(await fixture.left()).toEqual(NOTHING);
  });
});

describe.runIf(isRoot)('a connection', () => {
  it('that drops in a blob is taken up where it was', async () => {
    registry.putImage('app', '1', [top]);
    let drops = 2;
    registry.misbehave = (request, response) => {
      if (request.url !== blobPath(top) || drops === 0) return false;
      drops -= 1;
      const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      response.writeHead(from > 0 ? 206 : 200, {
        'content-length': top.length - from,
        ...(from > 0 ? { 'content-range': `bytes ${from}-${top.length - 1}/${top.length}` } : {}),
      });
      response.write(top.subarray(from, from + 1_000_000), () => response.destroy());
      return true;
    };
    await fixture.pull(name('app:1'));
    const ranges = registry.seen(`GET ${blobPath(top)}`).map(({ headers }) => headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
    expect(ranges).toHaveLength(3);
  });

  it('that drops is begun anew at a registry without ranges, and all of it is verified', async () => {
    registry.putImage('app', '1', [top]);
    let drops = 1;
    registry.misbehave = (request, response) => {
      if (request.url !== blobPath(top)) return false;
      if (drops-- > 0) sendPart(response, top, 1_000_000);
      else response.writeHead(200, { 'content-length': top.length }).end(top);
      return true;
    };
    await fixture.pull(name('app:1'));
    expect(await fixture.stores.images.inspect(name('app:1'))).toMatchObject({ layers: 1 });
  });

  it.each([
    ['is gone on with', (data: Buffer) => data.subarray(0, 1_000_000), [/^bytes=1000000-$/]],
    ['that is whole isn’t asked for', (data: Buffer) => data, []],
    ['that a power cut has spoiled is begun anew', () => Buffer.alloc(1_000_000), [/^bytes=1000000-$/, undefined]],
    ['that is too long is begun anew', (data: Buffer) => Buffer.concat([data, data]), [undefined]],
  ])('of the last process that had brought a part of a blob: it %s', async (_, part, expected) => {
    registry.putImage('app', '1', [top]);
    const place = join(fixture.stores.dir, 'content/partial', digestOf(top).slice('sha256:'.length));
    writeFileSync(place, part(top));
    await fixture.pull(name('app:1'));
    const ranges = registry.seen(`GET ${blobPath(top)}`).map(({ headers }) => headers.range);
    expect(ranges).toEqual(expected.map((range) => (range === undefined ? undefined : expect.stringMatching(range))));
    expect((await fixture.left()).ingest).toEqual([]);
  });

  it('that is refused for a while is tried again, as long as the registry asks for', async () => {
    registry.putImage('app', '1', [base]);
    let refusals = 2;
    registry.misbehave = (request, response) => {
      if (!request.url?.includes('/manifests/') || refusals === 0) return false;
      refusals -= 1;
      if (refusals === 0) response.setHeader('retry-after', '7');
      refuse(response, refusals === 0 ? 429 : 503, 'TOOMANYREQUESTS', 'slow down');
      return true;
    };
    await fixture.pull(name('app:1'));
    expect(fixture.pauses).toEqual([250, 7500]);
  });
});

describe.runIf(isRoot)('a registry that', () => {
  const cases: readonly (readonly [string, (bad: FakeRegistry) => void, string, RegExp])[] = [
    [
      'stalls before it answers',
      (bad) => {
        bad.misbehave = ({ url = '' }) => url.includes('/manifests/');
      },
      'UNAVAILABLE',
      /app:1.*has stalled: nothing came for/,
    ],
    [
      'stalls in a layer',
      (bad) => {
        bad.misbehave = ({ url }, response) => {
          if (url !== blobPath(top)) return false;
          response.writeHead(200, { 'content-length': top.length }).write(top.subarray(0, 10));
          return true;
        };
      },
      'UNAVAILABLE',
      /app:1: layer 2 \(sha256:[0-9a-f]+\): .*has stalled/,
    ],
    [
      'drops every connection in a layer',
      (bad) => {
        bad.misbehave = ({ url }, response) => {
          if (url === blobPath(top)) response.destroy();
          return url === blobPath(top);
        };
      },
      'UNAVAILABLE',
      /app:1: layer 2 .*cannot reach .*: the connection broke off/,
    ],
    [
      'sends a layer that is cut off',
      (bad) => {
        bad.misbehave = ({ url }, response) => {
          if (url !== blobPath(top)) return false;
          response.writeHead(200, { 'content-length': 5 }).end(top.subarray(0, 5));
          return true;
        };
      },
      'UNAVAILABLE',
      /app:1: layer 2 .*sent \d+ of the \d+ bytes/,
    ],
    [
      'sends another layer',
      (bad) => {
        bad.misbehave = ({ url }, response) => {
          if (url === blobPath(top)) response.end(Buffer.alloc(top.length, 1));
          return url === blobPath(top);
        };
      },
      'CORRUPT',
      /app:1: layer 2 .*has the digest sha256:.* instead of sha256:/,
    ],
    [
      'sends a layer without end',
      (bad) => {
        bad.misbehave = ({ url }, response) => {
          if (url !== blobPath(top)) return false;
          const chunk = Buffer.alloc(1 << 20);
          const more = () => {
            while (!response.destroyed && response.write(chunk));
          };
          response.on('drain', more);
          more();
          return true;
        };
      },
      'CORRUPT',
      /app:1: layer 2 .*sent more than the \d+ bytes/,
    ],
    [
      'has lost a layer',
      (bad) => void bad.blobs.delete(`app@${digestOf(top)}`),
      'NOT_FOUND',
      /app:1: layer 2 .*blob unknown to registry/,
    ],
    [
      'answers with garbage',
      (bad) => {
        bad.misbehave = ({ url = '' }, response) => {
          if (url.includes('/manifests/')) response.end('<html>Welcome</html>');
          return url.includes('/manifests/');
        };
      },
      'INVALID_ARGUMENT',
      /app:1: the manifest of .*app:1 from .* is not JSON/,
    ],
    [
      "answers with something that isn't HTTP",
      (bad) => {
        bad.misbehave = ({ url = '', socket }) => {
          if (url.includes('/manifests/')) socket.end('SSH-2.0-OpenSSH_9.2\r\n');
          return url.includes('/manifests/');
        };
      },
      'UNAVAILABLE',
      /app:1: .*isn't HTTP/,
    ],
    [
      'has a manifest of 50 MB',
      (bad) => bad.putManifest('app', '1', { padding: 'x'.repeat(50 << 20) }),
      'INVALID_ARGUMENT',
      /app:1: manifest 1 of .*app is larger than the 4 MiB allowed/,
    ],
    [
      'sends a manifest without end',
      (bad) => {
        bad.misbehave = ({ url = '' }, response) => {
          if (!url.includes('/manifests/')) return false;
          const more = () => {
            while (!response.destroyed && response.write('x'.repeat(1 << 16)));
          };
          response.on('drain', more);
          more();
          return true;
        };
      },
      'INVALID_ARGUMENT',
      /larger than the 4 MiB allowed/,
    ],
    [
      'says a wrong digest',
      (bad) => {
        bad.misbehave = ({ url = '' }, response) => {
          if (!url.includes('/manifests/')) return false;
          response.setHeader('docker-content-digest', digestOf(Buffer.from('other')));
          response.end(bad.manifests.get('app:1')?.bytes);
          return true;
        };
      },
      'CORRUPT',
      /app:1: manifest 1 of .*app: .* sent one with the digest/,
    ],
    [
      'redirects in circles',
      (bad) => {
        bad.misbehave = ({ url = '' }, response) => {
          if (url.includes('/manifests/')) response.writeHead(307, { location: `${url}?again` }).end();
          return url.includes('/manifests/');
        };
      },
      'UNAVAILABLE',
      /app:1: .*redirects in circles/,
    ],
    [
      'redirects to a file',
      (bad) => {
        bad.misbehave = ({ url = '' }, response) => {
          if (url.includes('/manifests/')) response.writeHead(302, { location: 'file:///etc/passwd' }).end();
          return url.includes('/manifests/');
        };
      },
      'UNSUPPORTED',
      /redirects to file:, which is neither http nor https/,
    ],
    [
      'has indexes that lead to each other',
      (bad) => {
        let index = bad.putIndex('app', '1', { amd64: digestOf(Buffer.from('none')) });
        for (let depth = 0; depth < 9; depth++) index = bad.putIndex('app', '1', { amd64: index });
      },
      'INVALID_ARGUMENT',
      /the index of .*app:1 leads to more than 4 others/,
    ],
    [
      'has an index that leads to itself',
      (bad) => {
        const digest = bad.putIndex('app', '1', { amd64: digestOf(Buffer.from('none')) });
        bad.putIndex('app', '1', { amd64: digest });
        const stored = bad.manifests.get('app:1');
        if (stored !== undefined) bad.manifests.set(`app:${digest}`, stored);
      },
      'CORRUPT',
      /sent one with the digest/,
    ],
    [
      'refuses for hours',
      (bad) => {
        bad.misbehave = ({ url = '' }, response) => {
          if (!url.includes('/manifests/')) return false;
          response.setHeader('retry-after', '21600');
          refuse(response, 429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit');
          return true;
        };
      },
      'EXHAUSTED',
      /app:1: .*toomanyrequests: You have reached your pull rate limit/,
    ],
    [
      'does not have the tag',
      (bad) => void bad.manifests.delete('app:1'),
      'IMAGE_NOT_FOUND',
      /^manifest for .*app:1 not found: manifest unknown: manifest unknown/,
    ],
    [
      'does not let it be seen',
      (bad) => {
        bad.misbehave = ({ url = '' }, response) => {
          if (url.includes('/manifests/'))
            refuse(response, 403, 'DENIED', 'requested access to the resource is denied');
          return url.includes('/manifests/');
        };
      },
      'PERMISSION_DENIED',
      /^pull access denied for .*app, repository does not exist or may require 'gantry login': denied: requested access/,
    ],
    [
      'has a config of another image',
      (bad) => {
        const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { diff_ids: [] } }));
        bad.putManifest('app', '1', {
          config: { mediaType: OCI_CONFIG, ...bad.putBlob('app', config) },
          layers: [{ mediaType: OCI_LAYER, ...bad.putBlob('app', base) }],
        });
      },
      'INVALID_ARGUMENT',
      /the manifest of .*app:1 has 1 layers, its config 0/,
    ],
    [
      'has a layer that unpacks to another',
      (bad) => {
        const rootfs = { type: 'layers', diff_ids: [digestOf(base)] };
        const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs }));
        bad.putManifest('app', '1', {
          config: { mediaType: OCI_CONFIG, ...bad.putBlob('app', config) },
          layers: [{ mediaType: OCI_LAYER, ...bad.putBlob('app', top) }],
        });
      },
      'CORRUPT',
      /layer 1 of .*app:1 unpacks to sha256:/,
    ],
  ];

  it.each(cases)('%s is told of with image and layer, and leaves nothing', async (_, spoil, code, message) => {
    registry.putImage('app', '1', [base, top]);
    spoil(registry);
    await expect(fixture.pull(name('app:1'))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(await fixture.left()).toEqual(NOTHING);
    expect(fixture.stores.images.count()).toBe(0);
  });
});
