import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRoot, makeTar } from '../image/testing/fixtures.ts';
import { type Answer, descriptor, digestOf, json, TestRegistry } from './testing/registry-client.ts';

const USERS = 'ci:$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.\n';
const LOGIN = { authorization: `Basic ${Buffer.from('ci:secret').toString('base64')}` };
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const LATER_MS = 2 * 60 * 60_000;

let registry: TestRegistry;
beforeEach(async () => {
  registry = await new TestRegistry().start();
});
afterEach(() => registry.stop());

const ask: TestRegistry['ask'] = (...request) => registry.ask(...request);
const code = (answer: Answer) => json(answer).errors[0].code;
const host = () => `127.0.0.1:${registry.port}`;
/** What has come of blobs that are on their way. */
const begun = () => ['ingest', 'uploads'].flatMap((name) => readdirSync(join(registry.stores.dir, 'content', name)));

async function push(repository: string, data: Buffer): Promise<string> {
  const answer = await ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(data)}`, {}, data);
  expect(answer.status).toBe(201);
  return digestOf(data);
}

/** Blobs and manifest of an image of one layer with a file. */
function makeImage(text = 'hello', architecture = process.arch === 'x64' ? 'amd64' : process.arch) {
  const tar = makeTar([{ name: 'file', data: text }]);
  const layer = gzipSync(tar);
  const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] };
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture, config: {}, rootfs }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)],
    }),
  );
  return { layer, config, manifest };
}

const putManifest = (path: string, manifest: Buffer, type = OCI_MANIFEST) =>
  ask('PUT', `/v2/${path}`, { 'content-type': type }, manifest);

async function pushImage(repository: string, tag: string, text?: string): Promise<string> {
  const { layer, config, manifest } = makeImage(text);
  for (const blob of [layer, config]) await push(repository, blob);
  expect((await putManifest(`${repository}/manifests/${tag}`, manifest)).status).toBe(201);
  return digestOf(manifest);
}

describe('blobs', () => {
  it('are pushed in one piece and read as a whole or in part', async () => {
    const data = randomBytes(300_000);
    const digest = await push('shop/web', data);
    const all = await ask('GET', `/v2/shop/web/blobs/${digest}`);
    expect(all).toMatchObject({ status: 200, headers: { 'docker-content-digest': digest, 'accept-ranges': 'bytes' } });
    expect(all.body.equals(data)).toBe(true);
    const head = await ask('HEAD', `/v2/shop/web/blobs/${digest}`);
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '300000' }, body: Buffer.alloc(0) });
    const part = await ask('GET', `/v2/shop/web/blobs/${digest}`, { range: 'bytes=100-299' });
    expect(part).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 100-299/300000' } });
    expect(part.body.equals(data.subarray(100, 300))).toBe(true);
    expect((await ask('GET', `/v2/shop/web/blobs/${digest}`, { range: 'bytes=300000-' })).status).toBe(416);
  });

  it('are pushed in chunks, which may be taken up where they broke off', async () => {
    const data = randomBytes(10_000);
    const begun = await ask('POST', '/v2/web/blobs/uploads/');
    expect(begun).toMatchObject({ status: 202, headers: { range: '0-0' } });
    const at = begun.headers.location ?? '';
    const chunk = (from: number, to: number) =>
      ask('PATCH', at, { 'content-range': `${from}-${to - 1}` }, data.subarray(from, to));
    expect(await chunk(0, 4000)).toMatchObject({ status: 202, headers: { range: '0-3999', location: at } });
    expect(await chunk(5000, 6000)).toMatchObject({ status: 416, headers: { range: '0-3999' } });
    expect(await ask('GET', at)).toMatchObject({ status: 204, headers: { range: '0-3999' } });
    expect((await chunk(4000, 8000)).status).toBe(202);
    const put = await ask('PUT', `${at}?digest=${digestOf(data)}`, {}, data.subarray(8000));
    expect(put).toMatchObject({ status: 201, headers: { 'docker-content-digest': digestOf(data) } });
    expect((await ask('GET', `/v2/web/blobs/${digestOf(data)}`)).body.equals(data)).toBe(true);
    expect(code(await ask('GET', at))).toBe('BLOB_UPLOAD_UNKNOWN');
  });

  it('that are others than they are said to be leave nothing', async () => {
    const answer = await ask(
      'POST',
      `/v2/web/blobs/uploads/?digest=${digestOf(Buffer.from('a'))}`,
      {},
      Buffer.from('b'),
    );
    expect([answer.status, code(answer)]).toEqual([400, 'DIGEST_INVALID']);
    expect(begun()).toEqual([]);
    expect((await ask('HEAD', `/v2/web/blobs/${digestOf(Buffer.from('b'))}`)).status).toBe(404);
  });

  it('are given up, or abandoned, and gone', async () => {
    const { headers } = await ask('POST', '/v2/web/blobs/uploads/');
    expect(begun()).toHaveLength(2);
    expect((await ask('DELETE', headers.location ?? '')).status).toBe(204);
    expect(begun()).toEqual([]);
    const other = await ask('POST', '/v2/web/blobs/uploads/');
    expect(code(await ask('PATCH', (other.headers.location ?? '').replace('/web/', '/other/')))).toBe(
      'BLOB_UPLOAD_UNKNOWN',
    );
    await ask('POST', '/v2/web/blobs/uploads/');
    registry.nowMs = Date.now() + LATER_MS;
    await registry.server.close();
    await registry.serve();
    await registry.server.sweep();
    expect(begun()).toEqual([]);
  });

  it('go on after a restart, from where they were', async () => {
    const data = randomBytes(100_000);
    const at = (await ask('POST', '/v2/web/blobs/uploads/')).headers.location ?? '';
    expect((await ask('PATCH', at, {}, data.subarray(0, 60_000))).status).toBe(202);
    await registry.restart();
    expect(await ask('GET', at)).toMatchObject({ status: 204, headers: { range: '0-59999' } });
    const rest = { 'content-range': '60000-99999' };
    expect((await ask('PATCH', at, rest, data.subarray(60_000))).status).toBe(202);
    expect((await ask('PUT', `${at}?digest=${digestOf(data)}`)).status).toBe(201);
    expect((await ask('GET', `/v2/web/blobs/${digestOf(data)}`)).body.equals(data)).toBe(true);
    expect(begun()).toEqual([]);
  });

  it('are not seen from other repositories, but mounted from those that have them', async () => {
    const data = randomBytes(100);
    const digest = await push('one', data);
    expect(code(await ask('GET', `/v2/two/blobs/${digest}`))).toBe('BLOB_UNKNOWN');
    expect((await ask('POST', `/v2/two/blobs/uploads/?mount=${digest}&from=three`)).status).toBe(202);
    const mounted = await ask('POST', `/v2/two/blobs/uploads/?mount=${digest}&from=one`);
    expect(mounted).toMatchObject({ status: 201, headers: { location: `/v2/two/blobs/${digest}` } });
    expect((await ask('GET', `/v2/two/blobs/${digest}`)).body.equals(data)).toBe(true);
    expect((await ask('DELETE', `/v2/two/blobs/${digest}`)).status).toBe(202);
    expect((await ask('HEAD', `/v2/two/blobs/${digest}`)).status).toBe(404);
  });

  it('stay until their manifest comes, and no longer than an hour', async () => {
    const digest = await push('web', randomBytes(100));
    registry.stores.images.garbage.schedule();
    await registry.stores.images.garbage.settled();
    expect((await ask('HEAD', `/v2/web/blobs/${digest}`)).status).toBe(200);
    registry.nowMs += LATER_MS;
    expect((await ask('HEAD', `/v2/web/blobs/${digest}`)).status).toBe(404);
  });
});

describe.runIf(isRoot)('images', () => {
  it('are of the host under the name that they were pushed by, and read as they were', async () => {
    const digest = await pushImage('shop/web', '1');
    const image = await registry.stores.images.inspect(`${host()}/shop/web:1`);
    expect(image).toMatchObject({ tags: [`${host()}/shop/web:1`], digests: [`${host()}/shop/web@${digest}`] });
    const byTag = await ask('GET', '/v2/shop/web/manifests/1');
    expect(byTag).toMatchObject({
      status: 200,
      headers: { 'content-type': OCI_MANIFEST, 'docker-content-digest': digest },
    });
    expect(digestOf(byTag.body)).toBe(digest);
    expect((await ask('HEAD', `/v2/shop/web/manifests/${digest}`)).headers['content-length']).toBe(
      String(byTag.body.length),
    );
  });

  it('are there after a restart, and after the host has removed its own', async () => {
    const digest = await pushImage('shop/web', '1');
    await registry.stores.images.remove(`${host()}/shop/web:1`, { force: false, isUsed: () => undefined });
    await registry.restart();
    await registry.stores.images.garbage.settled();
    const { layer } = makeImage();
    expect(json(await ask('GET', '/v2/_catalog'))).toEqual({ repositories: ['shop/web'] });
    expect((await ask('GET', '/v2/shop/web/manifests/1')).headers['docker-content-digest']).toBe(digest);
    expect((await ask('GET', `/v2/shop/web/blobs/${digestOf(layer)}`)).body.equals(layer)).toBe(true);
  });

  it('are listed by tag in pages, and deleted by tag or digest', async () => {
    const digest = await pushImage('web', 'a');
    for (const tag of ['b', 'c']) await pushImage('web', tag);
    const page = await ask('GET', '/v2/web/tags/list?n=2');
    expect(json(page)).toEqual({ name: 'web', tags: ['a', 'b'] });
    expect(page.headers.link).toBe('</v2/web/tags/list?n=2&last=b>; rel="next"');
    expect((await ask('DELETE', '/v2/web/manifests/b')).status).toBe(202);
    expect(json(await ask('GET', '/v2/web/tags/list'))).toEqual({ name: 'web', tags: ['a', 'c'] });
    expect((await ask('DELETE', `/v2/web/manifests/${digest}`)).status).toBe(202);
    expect(code(await ask('GET', '/v2/web/tags/list'))).toBe('NAME_UNKNOWN');
    expect(code(await ask('GET', '/v2/web/manifests/a'))).toBe('NAME_UNKNOWN');
    expect((await registry.stores.images.inspect(`${host()}/web:a`)).tags).toContain(`${host()}/web:a`);
  });

  it('without their blobs, or with another digest, are refused', async () => {
    const { config, layer, manifest } = makeImage();
    await push('web', config);
    expect(code(await putManifest('web/manifests/1', manifest))).toBe('MANIFEST_BLOB_UNKNOWN');
    await push('web', layer);
    expect(code(await putManifest(`web/manifests/${digestOf(config)}`, manifest))).toBe('DIGEST_INVALID');
    expect(code(await putManifest('web/manifests/1', manifest, OCI_INDEX))).toBe('MANIFEST_INVALID');
    expect(code(await putManifest('web/manifests/1', Buffer.from('{')))).toBe('MANIFEST_INVALID');
    expect(code(await putManifest('web/manifests/1', Buffer.alloc(5 << 20)))).toBe('MANIFEST_INVALID');
    expect(code(await ask('GET', '/v2/web/tags/list'))).toBe('NAME_UNKNOWN');
  });

  it('for several platforms are kept for all, and run as that for the host', async () => {
    const [own, other] = [makeImage('own'), makeImage('other', 's390x')];
    for (const { layer, config, manifest } of [own, other]) {
      for (const blob of [layer, config]) await push('web', blob);
      expect((await putManifest(`web/manifests/${digestOf(manifest)}`, manifest)).status).toBe(201);
    }
    const platform = registry.stores.images.platform;
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [
          { ...descriptor(OCI_MANIFEST, other.manifest), platform: { os: 'linux', architecture: 's390x' } },
          { ...descriptor(OCI_MANIFEST, own.manifest), platform },
        ],
      }),
    );
    expect((await putManifest('web/manifests/1', index, OCI_INDEX)).status).toBe(201);
    const image = await registry.stores.images.inspect(`${host()}/web:1`);
    expect(image).toMatchObject({ architecture: platform.architecture, digests: [`${host()}/web@${digestOf(index)}`] });
    registry.stores.images.garbage.schedule();
    await registry.stores.images.garbage.settled();
    expect((await ask('GET', `/v2/web/blobs/${digestOf(other.layer)}`)).body.equals(other.layer)).toBe(true);
  });

  it('may be signed: what is about them is found', async () => {
    const digest = await pushImage('web', '1');
    const empty = Buffer.from('{}');
    await push('web', empty);
    const signature = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        artifactType: 'application/x.signature',
        config: descriptor('application/vnd.oci.empty.v1+json', empty),
        layers: [descriptor('text/plain', empty)],
        subject: { mediaType: OCI_MANIFEST, digest, size: 1 },
        annotations: { by: 'ana' },
      }),
    );
    const put = await putManifest('web/manifests/sig', signature);
    expect(put).toMatchObject({ status: 201, headers: { 'oci-subject': digest } });
    const found = await ask('GET', `/v2/web/referrers/${digest}`);
    expect(found.headers['content-type']).toBe(OCI_INDEX);
    expect(json(found).manifests).toEqual([
      {
        ...descriptor(OCI_MANIFEST, signature),
        artifactType: 'application/x.signature',
        annotations: { by: 'ana' },
      },
    ]);
    const filtered = await ask('GET', `/v2/web/referrers/${digest}?artifactType=other`);
    expect(filtered.headers['oci-filters-applied']).toBe('artifactType');
    expect(json(filtered)).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    // It can't be run.
    await expect(registry.stores.images.inspect(`${host()}/web:sig`)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
  });

  it('are not pushed by names that are not the registry’s', async () => {
    const denied = await ask('POST', '/v2/library/busybox/blobs/uploads/', { host: 'docker.io' });
    expect([denied.status, code(denied)]).toEqual([403, 'DENIED']);
    expect((await ask('POST', '/v2/busybox/blobs/uploads/', { host: `h1:${registry.port}` })).status).toBe(202);
  });
});

describe('requests', () => {
  it.each([
    ['GET', '/v2/../../etc/passwd', 404],
    ['GET', '/v2/%2e%2e/%2e%2e/blobs/uploads/x', 400],
    ['GET', '/v2/web/blobs/..%2f..%2fimages%2fimages.json', 404],
    ['POST', '/v2/web/manifests/1', 405],
    ['PUT', '/v2/_catalog', 405],
    ['GET', '/', 404],
  ])('%s %s is answered with %i', async (method, path, status) => {
    const answer = await ask(method, path);
    expect(answer.status).toBe(status);
    expect(json(answer).errors).toHaveLength(1);
  });

  it('say that it is a registry', async () => {
    expect(await ask('GET', '/v2/')).toMatchObject({
      status: 200,
      headers: { 'docker-distribution-api-version': 'registry/2.0' },
    });
  });
});

describe('a login', () => {
  it('is asked for where there are users, and follows their file', async () => {
    await registry.server.close();
    const users = join(registry.stores.dir, 'users');
    writeFileSync(users, USERS);
    await registry.serve({ users });
    const nobody = await ask('GET', '/v2/');
    expect(nobody).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Basic realm="gantry"' } });
    expect(code(nobody)).toBe('UNAUTHORIZED');
    expect((await ask('GET', '/v2/', LOGIN)).status).toBe(200);
    expect((await ask('POST', '/v2/web/blobs/uploads/', {}, randomBytes(100_000))).status).toBe(401);
    const wrong = { authorization: `Basic ${Buffer.from('ci:wrong').toString('base64')}` };
    expect((await ask('GET', '/v2/', wrong)).status).toBe(401);
    writeFileSync(users, '# nobody any more\n');
    expect((await ask('GET', '/v2/', LOGIN)).status).toBe(401);
  });
});
