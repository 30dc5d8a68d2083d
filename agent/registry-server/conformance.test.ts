/**
 * The four workflows of the OCI distribution specification 1.1 (pull, push, content discovery, content management), end
 * point by end point, as its table numbers them: each MUST and SHOULD that concerns a registry.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, descriptor, digestOf, json, refusalOf, TestRegistry } from './testing/registry-client.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
const EMPTY = Buffer.from('{}');
const UNKNOWN = digestOf(Buffer.from('unknown'));
const NAME = 'conformance/one';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await new TestRegistry().start();
});
afterAll(() => registry.stop());

const ask: TestRegistry['ask'] = (...request) => registry.ask(...request);
const location = ({ headers }: Answer) => new URL(headers.location ?? '', 'http://registry').pathname;
const pushBlob = (name: string, data: Buffer) =>
  ask('POST', `/v2/${name}/blobs/uploads/?digest=${digestOf(data)}`, {}, data);
const putManifest = (name: string, reference: string, data: Buffer, type = MANIFEST) =>
  ask('PUT', `/v2/${name}/manifests/${reference}`, { 'content-type': type }, data);

/** An artifact, which no platform can run. */
function artifact(about: object = {}, note = randomBytes(4).toString('hex')): Buffer {
  return Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: MANIFEST, artifactType: 'application/x.test', ...about },
      ...{ config: descriptor(EMPTY_TYPE, EMPTY), layers: [descriptor(EMPTY_TYPE, EMPTY)], annotations: { note } },
    }),
  );
}

async function pushArtifact(name: string, reference: string, about: object = {}): Promise<Buffer> {
  await pushBlob(name, EMPTY);
  const manifest = artifact(about);
  expect((await putManifest(name, reference, manifest)).status).toBe(201);
  return manifest;
}

describe('pull', () => {
  const blob = randomBytes(5000);
  let manifest: Buffer;
  beforeAll(async () => {
    await pushBlob(NAME, blob);
    manifest = await pushArtifact(NAME, 'pulled');
  });

  it('end-1: says that it knows the specification', async () => {
    expect((await ask('GET', '/v2/')).status).toBe(200);
  });

  it('end-2: gives blobs, their sizes and digests, and parts of them', async () => {
    const path = `/v2/${NAME}/blobs/${digestOf(blob)}`;
    const told = { 'content-length': '5000', 'docker-content-digest': digestOf(blob) };
    expect(await ask('GET', path)).toMatchObject({ status: 200, headers: told, body: blob });
    expect(await ask('HEAD', path)).toMatchObject({ status: 200, headers: told, body: Buffer.alloc(0) });
    const ranges: Record<string, [number, number]> = {
      'bytes=0-0': [0, 1],
      'bytes=4000-': [4000, 5000],
      'bytes=-10': [4990, 5000],
      'bytes=4990-9999': [4990, 5000],
    };
    for (const [range, [start, end]] of Object.entries(ranges)) {
      const part = await ask('GET', path, { range });
      expect(part, range).toMatchObject({
        status: 206,
        headers: { 'content-range': `bytes ${start}-${end - 1}/5000` },
      });
      expect(part.body.equals(blob.subarray(start, end)), range).toBe(true);
    }
    const beyond = await ask('GET', path, { range: 'bytes=5000-' });
    expect(beyond).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */5000' } });
  });

  it('end-2: refuses what it hasn’t got, and what is no digest', async () => {
    expect(refusalOf(await ask('GET', `/v2/${NAME}/blobs/${UNKNOWN}`))).toEqual([404, 'BLOB_UNKNOWN']);
    expect(await ask('HEAD', `/v2/${NAME}/blobs/${UNKNOWN}`)).toMatchObject({ status: 404, body: Buffer.alloc(0) });
    expect(refusalOf(await ask('GET', `/v2/${NAME}/blobs/sha256:totallywrong`))).toEqual([400, 'DIGEST_INVALID']);
  });

  it('end-3: gives manifests by tag and by digest, as they came', async () => {
    const told = {
      'content-type': MANIFEST,
      'content-length': String(manifest.length),
      'docker-content-digest': digestOf(manifest),
    };
    for (const reference of ['pulled', digestOf(manifest)]) {
      const path = `/v2/${NAME}/manifests/${reference}`;
      expect(await ask('GET', path, { accept: MANIFEST })).toMatchObject({
        status: 200,
        headers: told,
        body: manifest,
      });
      expect(await ask('HEAD', path)).toMatchObject({ status: 200, headers: told, body: Buffer.alloc(0) });
    }
    for (const reference of ['.INVALID_MANIFEST_NAME', 'unknown', UNKNOWN]) {
      const { status } = await ask('GET', `/v2/${NAME}/manifests/${reference}`);
      expect(status, reference).toBe(reference.startsWith('.') ? 400 : 404);
    }
    expect(refusalOf(await ask('GET', `/v2/${NAME}/manifests/unknown`))).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(refusalOf(await ask('GET', '/v2/nowhere/manifests/1'))).toEqual([404, 'NAME_UNKNOWN']);
    expect((await ask('HEAD', `/v2/${NAME}/manifests/unknown`)).status).toBe(404);
  });
});

describe('push', () => {
  it('end-4a, end-6: takes a blob by POST and PUT', async () => {
    const blob = randomBytes(100);
    const begun = await ask('POST', `/v2/${NAME}/blobs/uploads/`);
    expect(begun.status).toBe(202);
    const put = await ask('PUT', `${location(begun)}?digest=${digestOf(blob)}`, {}, blob);
    expect(put.status).toBe(201);
    expect((await ask('GET', location(put))).body.equals(blob)).toBe(true);
  });

  it('end-4b: takes a blob by POST alone', async () => {
    const blob = randomBytes(100);
    const posted = await pushBlob(NAME, blob);
    expect(posted.status).toBe(201);
    expect((await ask('GET', location(posted))).body.equals(blob)).toBe(true);
  });

  it('end-5, end-6, end-13: takes a blob in chunks, in order, and says how much has come', async () => {
    const blob = randomBytes(3000);
    const begun = await ask('POST', `/v2/${NAME}/blobs/uploads/`, { 'content-length': '0' });
    let at = location(begun);
    const patch = (from: number, to: number) =>
      ask('PATCH', at, { 'content-range': `${from}-${to - 1}` }, blob.subarray(from, to));
    expect((await patch(1000, 2000)).status).toBe(416);
    const first = await patch(0, 1000);
    expect(first).toMatchObject({ status: 202, headers: { range: '0-999' } });
    at = location(first);
    // What has come already, and what comes too soon.
    for (const [from, to] of [
      [0, 1000],
      [2000, 3000],
    ] as const) {
      expect(await patch(from, to)).toMatchObject({ status: 416, headers: { range: '0-999' } });
    }
    const status = await ask('GET', at);
    expect(status).toMatchObject({ status: 204, headers: { range: '0-999' } });
    at = location(status);
    at = location(await patch(1000, 2000));
    const last = await ask(
      'PUT',
      `${at}?digest=${digestOf(blob)}`,
      { 'content-range': '2000-2999' },
      blob.subarray(2000),
    );
    expect(last.status).toBe(201);
    expect((await ask('GET', location(last))).body.equals(blob)).toBe(true);
  });

  it('end-6: refuses another blob than was said, and a last chunk out of order', async () => {
    const at = location(await ask('POST', `/v2/${NAME}/blobs/uploads/`));
    const put = (query: string, headers = {}) => ask('PUT', `${at}${query}`, headers, Buffer.from('x'));
    expect(refusalOf(await put(''))).toEqual([400, 'DIGEST_INVALID']);
    expect((await put(`?digest=${UNKNOWN}`, { 'content-range': '5-5' })).status).toBe(416);
    expect(refusalOf(await put(`?digest=${UNKNOWN}`))).toEqual([400, 'DIGEST_INVALID']);
    expect(refusalOf(await ask('PATCH', at, {}, Buffer.from('x')))).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
  });

  it('end-11: mounts a blob of another repository, and begins an upload where it hasn’t got it', async () => {
    const blob = randomBytes(100);
    await pushBlob('conformance/from', blob);
    const mount = (digest: string, from: string) =>
      ask('POST', `/v2/conformance/to/blobs/uploads/?mount=${digest}${from}`);
    const mounted = await mount(digestOf(blob), '&from=conformance/from');
    expect(mounted).toMatchObject({ status: 201, headers: { location: `/v2/conformance/to/blobs/${digestOf(blob)}` } });
    expect((await ask('GET', location(mounted))).body.equals(blob)).toBe(true);
    for (const from of ['&from=conformance/nowhere', '']) {
      const begun = await mount(UNKNOWN, from);
      expect(begun.status, from).toBe(202);
      expect((await ask('DELETE', location(begun))).status).toBe(204);
    }
  });

  it('end-7: takes a manifest by tag or digest, with or without a subject that is there', async () => {
    await pushBlob(NAME, EMPTY);
    const plain = artifact();
    const put = await putManifest(NAME, 'pushed', plain);
    expect(put).toMatchObject({ status: 201, headers: { 'docker-content-digest': digestOf(plain) } });
    expect((await ask('GET', location(put))).body.equals(plain)).toBe(true);
    expect((await putManifest(NAME, digestOf(plain), plain)).status).toBe(201);
    const subject = { mediaType: MANIFEST, digest: UNKNOWN, size: 1 };
    const about = await putManifest(NAME, 'about', artifact({ subject }));
    expect(about).toMatchObject({ status: 201, headers: { 'oci-subject': UNKNOWN } });
  });

  it('end-7: refuses what is no manifest, is another, is too large, or whose blobs are missing', async () => {
    expect(refusalOf(await putManifest(NAME, 'bad', Buffer.from('{')))).toEqual([400, 'MANIFEST_INVALID']);
    expect(refusalOf(await putManifest(NAME, UNKNOWN, artifact()))).toEqual([400, 'DIGEST_INVALID']);
    expect(refusalOf(await putManifest(NAME, 'big', Buffer.alloc((4 << 20) + 1)))).toEqual([413, 'MANIFEST_INVALID']);
    expect(refusalOf(await putManifest('conformance/bare', 'x', artifact()))).toEqual([404, 'MANIFEST_BLOB_UNKNOWN']);
    expect(refusalOf(await putManifest(NAME, '-', artifact()))).toEqual([400, 'MANIFEST_INVALID']);
    expect(refusalOf(await putManifest('Upper/Case', 'x', artifact()))).toEqual([400, 'NAME_INVALID']);
  });
});

describe('content discovery', () => {
  const name = 'conformance/tags';
  const tags = ['1.0', '1.1', 'latest', 'test-1', 'test-2'];
  beforeAll(async () => {
    for (const tag of [...tags].reverse()) await pushArtifact(name, tag);
  });

  it('end-8a, end-8b: lists tags in order, and in pages', async () => {
    const list = async (query: string) => {
      const answer = await ask('GET', `/v2/${name}/tags/list${query}`);
      expect(answer.status).toBe(200);
      expect(json(answer).name).toBe(name);
      const { link } = answer.headers;
      return { tags: json(answer).tags as string[], link: link === undefined ? undefined : String(link) };
    };
    expect(await list('')).toEqual({ tags, link: undefined });
    expect(await list('?n=0')).toEqual({ tags: [], link: undefined });
    expect(await list('?n=5')).toEqual({ tags, link: undefined });
    expect(await list('?last=1.1')).toEqual({ tags: tags.slice(2), link: undefined });
    // One that isn't there counts as well.
    expect((await list('?n=1&last=between')).tags).toEqual(['latest']);
    const seen: string[] = [];
    for (let query: string | undefined = '?n=2'; query !== undefined; ) {
      const page: { tags: string[]; link: string | undefined } = await list(query);
      expect(page.tags.length).toBeLessThanOrEqual(2);
      seen.push(...page.tags);
      query = page.link && /^<[^?>]*(\?[^>]*)>; rel="next"$/.exec(page.link)?.[1];
    }
    expect(seen).toEqual(tags);
    expect(refusalOf(await ask('GET', '/v2/nowhere/tags/list'))).toEqual([404, 'NAME_UNKNOWN']);
  });

  it('end-12a, end-12b: lists what is about a manifest, there or not, and filters it', async () => {
    const subject = { mediaType: MANIFEST, digest: digestOf(randomBytes(8)), size: 1 };
    const [one, two] = [artifact({ subject }), artifact({ subject, artifactType: 'application/x.other' })];
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: INDEX,
        artifactType: 'application/x.index',
        manifests: [],
        subject,
      }),
    );
    await pushBlob(name, EMPTY);
    for (const manifest of [one, two]) await putManifest(name, digestOf(manifest), manifest);
    expect((await putManifest(name, digestOf(index), index, INDEX)).headers['oci-subject']).toBe(subject.digest);
    const all = await ask('GET', `/v2/${name}/referrers/${subject.digest}`);
    expect(all).toMatchObject({ status: 200, headers: { 'content-type': INDEX } });
    expect(json(all)).toMatchObject({ schemaVersion: 2, mediaType: INDEX });
    const types = (answer: Answer) =>
      json(answer).manifests.map((entry: { artifactType: string }) => entry.artifactType);
    expect(types(all).sort()).toEqual(['application/x.index', 'application/x.other', 'application/x.test']);
    expect(json(all).manifests[0].annotations).toHaveProperty('note');
    const some = await ask('GET', `/v2/${name}/referrers/${subject.digest}?artifactType=application/x.other`);
    expect(some.headers['oci-filters-applied']).toBe('artifactType');
    expect(json(some).manifests).toMatchObject([descriptor(MANIFEST, two)]);
    for (const path of [`/v2/${name}/referrers/${UNKNOWN}`, `/v2/nowhere/referrers/${UNKNOWN}`]) {
      expect(await ask('GET', path)).toMatchObject({ status: 200, headers: { 'content-type': INDEX } });
    }
    expect((await ask('GET', `/v2/${name}/referrers/sha256:wrong`)).status).toBe(400);
  });

  it('keeps a client’s own list of referrers under the fallback tag', async () => {
    const about = await pushArtifact(name, 'signature');
    const tag = UNKNOWN.replace(':', '-');
    const entry = { ...descriptor(MANIFEST, about), artifactType: 'application/x.test' };
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [entry] }));
    expect((await putManifest(name, tag, index, INDEX)).status).toBe(201);
    expect((await ask('GET', `/v2/${name}/manifests/${tag}`)).body.equals(index)).toBe(true);
    expect((await ask('DELETE', `/v2/${name}/manifests/${tag}`)).status).toBe(202);
  });
});

describe('content management', () => {
  const name = 'conformance/gone';

  it('end-9: deletes tags, and manifests with all their tags and from what is about them', async () => {
    const kept = await pushArtifact(name, 'kept');
    const subject = { ...descriptor(MANIFEST, kept) };
    const about = await pushArtifact(name, 'about', { subject });
    await putManifest(name, 'again', about);
    expect((await ask('DELETE', `/v2/${name}/manifests/again`)).status).toBe(202);
    expect((await ask('GET', `/v2/${name}/manifests/again`)).status).toBe(404);
    expect((await ask('GET', `/v2/${name}/manifests/${digestOf(about)}`)).status).toBe(200);
    expect((await ask('DELETE', `/v2/${name}/manifests/${digestOf(about)}`)).status).toBe(202);
    for (const reference of ['about', digestOf(about)]) {
      expect((await ask('GET', `/v2/${name}/manifests/${reference}`)).status, reference).toBe(404);
      expect(refusalOf(await ask('DELETE', `/v2/${name}/manifests/${reference}`))).toEqual([404, 'MANIFEST_UNKNOWN']);
    }
    expect(json(await ask('GET', `/v2/${name}/tags/list`)).tags).toEqual(['kept']);
    expect(json(await ask('GET', `/v2/${name}/referrers/${digestOf(kept)}`)).manifests).toEqual([]);
  });

  it('end-10: deletes blobs, but for those that a manifest needs', async () => {
    const blob = randomBytes(100);
    await pushBlob(name, blob);
    const path = `/v2/${name}/blobs/${digestOf(blob)}`;
    expect((await ask('DELETE', path)).status).toBe(202);
    expect((await ask('GET', path)).status).toBe(404);
    expect(refusalOf(await ask('DELETE', path))).toEqual([404, 'BLOB_UNKNOWN']);
    await pushArtifact(name, 'needs');
    expect(refusalOf(await ask('DELETE', `/v2/${name}/blobs/${digestOf(EMPTY)}`))).toEqual([405, 'UNSUPPORTED']);
  });

  it('refuses methods that an end point hasn’t got, and says which it has', async () => {
    for (const [method, path] of [
      ['POST', '/v2/'],
      ['PUT', `/v2/${name}/tags/list`],
      ['PATCH', `/v2/${name}/manifests/x`],
      ['DELETE', `/v2/${name}/referrers/${UNKNOWN}`],
    ] as const) {
      const answer = await ask(method, path);
      expect(refusalOf(answer), path).toEqual([405, 'UNSUPPORTED']);
      expect(answer.headers.allow, path).toContain('GET');
    }
  });
});
