import { writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { freePort } from '../../proto/free-port.testing.ts';
import type { ImageHolder } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { PullOrder } from '../../proto/generated/gantry/v1/engine.ts';
import { TestAuthority } from '../../proto/identity.testing.ts';
import { imagePort } from '../../proto/image-port.ts';
import type { NodeIdentity } from '../../proto/tls.ts';
import { digestOf } from '../image/content-store.ts';
import { isRoot, makeTar } from '../image/testing/fixtures.ts';
import { servePeers } from '../registry-server/peer-server.ts';
import { FakeRegistry } from './testing/fake-registry.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const layers = ['one', 'two', 'three'].map((data) => makeTar([{ name: data, data: Buffer.alloc(200_000, data) }]));
const SECRET = makeTar([{ name: 'other', data: 'other' }]);
const CLUSTER = 'cluster';

/** A host in a cluster, whose images others can have. */
class Node {
  readonly fixture: RegistryFixture;
  readonly nodeId: string;
  readonly address: string;
  readonly identity: NodeIdentity;
  holders: ImageHolder[] = [];
  /** What managers say of a node; undefined while they can't be asked. */
  isMember: ((nodeId: string) => boolean) | undefined = () => true;
  readonly #closing = new AbortController();
  #serving: Promise<void> = Promise.resolve();

  private constructor(nodeId: string, address: string, identity: NodeIdentity) {
    this.nodeId = nodeId;
    this.address = address;
    this.identity = identity;
    const cluster = { imageHolders: async () => this.holders, identity };
    this.fixture = new RegistryFixture({ cluster: () => cluster, stallMs: 5000 });
  }

  static async start(nodeId: string, identity: NodeIdentity): Promise<Node> {
    // The port that is served is the one after it.
    const node = new Node(nodeId, `127.0.0.1:${(await freePort()) - 1}`, identity);
    await node.fixture.open();
    const { stores, registries } = node.fixture;
    const parts = { images: stores.images, arrivals: registries.arrivals, logger: pino({ level: 'silent' }) };
    const isMember = async (id: string) => {
      if (node.isMember === undefined) throw new GantryError('UNAVAILABLE', 'no manager can be asked');
      return node.isMember(id);
    };
    const serving = { advertiseAddr: node.address, identity: () => identity, isMember };
    node.#serving = servePeers(parts, serving, node.#closing.signal);
    return node;
  }

  holder(complete = true): ImageHolder {
    return { nodeId: this.nodeId, address: this.address, complete };
  }

  url(path: string): URL {
    return new URL(`https://127.0.0.1:${imagePort(Number(this.address.split(':')[1]))}${path}`);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#serving;
    await this.fixture.dispose();
  }
}

let authority: TestAuthority;
let registry: FakeRegistry;
let nodes: Node[];

beforeEach(async () => {
  authority = await TestAuthority.create();
  registry = await new FakeRegistry().start();
  nodes = await Promise.all(['n1', 'n2', 'n3'].map(async (nodeId) => Node.start(nodeId, await issue(nodeId))));
  for (const node of nodes) await untilServed(node);
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await registry.stop();
});

const issue = (nodeId: string) => authority.issue({ nodeId, role: 'worker', clusterId: CLUSTER });
const image = () => `${registry.host}/app:1`;
const blobRequests = () => registry.seen('GET /v2/app/blobs/').length;

/** The status of an answer, or the error that there was instead. */
function ask(node: Node, path: string, shown: NodeIdentity | undefined, method = 'GET'): Promise<number | string> {
  const client = shown === undefined ? {} : { cert: shown.certPem, key: shown.keyPem };
  return new Promise((resolve) => {
    const request = get(node.url(path), { ...client, method, rejectUnauthorized: false, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', () => resolve('refused'));
  });
}

async function untilServed(node: Node): Promise<void> {
  await expect.poll(async () => await ask(node, '/v2/', node.identity), { timeout: 10_000 }).toBe(200);
}

describe.runIf(isRoot)('an image that other nodes have', () => {
  it('is taken from them, each layer from another, and not from the registry', async () => {
    const [first, second, third] = nodes as [Node, Node, Node];
    const digest = registry.putImage('app', '1', layers);
    await first.fixture.pull(image());
    const asked = registry.requests.length;
    second.holders = [first.holder()];
    await second.fixture.pull(image(), { order: PullOrder.CLUSTER_FIRST });
    third.holders = [first.holder(), second.holder()];
    await third.fixture.pull(`${registry.host}/app@${digest}`);
    expect(registry.requests).toHaveLength(asked);
    const { digests } = await third.fixture.stores.images.inspect(`${registry.host}/app@${digest}`);
    expect(digests).toEqual([`${registry.host}/app@${digest}`]);
  });

  it('is asked of the registry first when somebody looks for what is newest, and then taken from them', async () => {
    const [first, second] = nodes as [Node, Node];
    registry.putImage('app', '1', layers);
    await first.fixture.pull(image());
    registry.putImage('app', '1', [...layers, SECRET]);
    second.holders = [first.holder()];
    const before = blobRequests();
    await second.fixture.pull(image());
    // The config and the layer that is new.
    expect(blobRequests() - before).toBe(2);
    expect((await second.fixture.stores.images.inspect(image())).layers).toBe(4);
  });

  it('is there when the registry and one of them are gone', async () => {
    const [first, second, third] = nodes as [Node, Node, Node];
    registry.putImage('app', '1', layers);
    for (const node of [first, second]) await node.fixture.pull(image());
    const name = image();
    registry.misbehave = (_request, response) => {
      response.destroy();
      return true;
    };
    third.holders = [{ ...first.holder(), address: `127.0.0.1:${await freePort()}` }, second.holder()];
    await third.fixture.pull(name);
    expect((await third.fixture.stores.images.inspect(name)).layers).toBe(3);
  });

  it('is not believed of a node whose disk has changed it', async () => {
    const [first, second, third] = nodes as [Node, Node, Node];
    registry.putImage('app', '1', layers);
    for (const node of [first, second]) await node.fixture.pull(image());
    for (const layer of layers) {
      const path = first.fixture.stores.images.content.path(digestOf(layer));
      writeFileSync(path, Buffer.alloc(layer.length, 1));
    }
    third.holders = [first.holder(), second.holder()];
    await third.fixture.pull(image(), { order: PullOrder.CLUSTER_FIRST });
    expect((await third.fixture.stores.images.inspect(image())).layers).toBe(3);
    expect((await third.fixture.left()).ingest).toEqual([]);
  });

  it('is refused where they have different ones under the same tag', async () => {
    const [first, second, third] = nodes as [Node, Node, Node];
    registry.putImage('app', '1', layers);
    await first.fixture.pull(image());
    registry.putImage('app', '1', [SECRET]);
    await second.fixture.pull(image());
    registry.manifests.clear();
    third.holders = [first.holder(), second.holder()];
    await expect(third.fixture.pull(image(), { order: PullOrder.CLUSTER_FIRST })).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      hint: expect.stringContaining('nodes have different images as'),
    });
  });

  it('that one of them is just bringing is waited for: each layer leaves the registry once', async () => {
    const [first, second, third] = nodes as [Node, Node, Node];
    registry.putImage('app', '1', layers);
    second.holders = [first.holder(false)];
    third.holders = [first.holder(false), second.holder(false)];
    const held = Promise.withResolvers<void>();
    const last = digestOf(layers[2] ?? SECRET);
    let isFirst = true;
    registry.misbehave = (request, response) => {
      if (!isFirst || request.url !== `/v2/app/blobs/${last}`) return false;
      isFirst = false;
      void held.promise.then(() => registry.serve(request, response));
      return true;
    };
    const pulls = [first.fixture.pull(image())];
    await expect.poll(() => isFirst).toBe(false);
    pulls.push(second.fixture.pull(image()), third.fixture.pull(image()));
    await expect.poll(() => second.fixture.pauses.length > 1 && third.fixture.pauses.length > 1).toBe(true);
    held.resolve();
    await Promise.all(pulls);
    // The one that was held counts twice.
    expect(blobRequests()).toBe(layers.length + 2);
  });
});

describe('a node', () => {
  it('answers nodes of its cluster alone, and lets them read alone', async () => {
    const [first] = nodes as [Node];
    const other = await TestAuthority.create();
    const shown = {
      nobody: undefined,
      otherAuthority: await other.issue({ nodeId: 'n9', role: 'manager', clusterId: CLUSTER }),
      otherCluster: await authority.issue({ nodeId: 'n9', role: 'manager', clusterId: 'other' }),
      client: await authority.issueClient('ci', CLUSTER),
      expired: await authority.issue({ nodeId: 'n9', role: 'worker', clusterId: CLUSTER }, -1000),
      node: await issue('n9'),
    };
    const answers: Record<string, number | string> = {};
    for (const [who, identity] of Object.entries(shown)) answers[who] = await ask(first, '/v2/', identity);
    expect(answers).toEqual({
      ...{
        nobody: 'refused',
        otherAuthority: 'refused',
        otherCluster: 403,
        client: 403,
        expired: 'refused',
        node: 200,
      },
    });
    const own = shown.node;
    expect(await ask(first, '/v2/app/blobs/uploads/', own, 'POST')).toBe(405);
    expect(await ask(first, '/v2/_catalog', own)).toBe(405);
    expect(await ask(first, `/v2/app/manifests/${digestOf(SECRET)}`, own)).toBe(404);
    expect(await ask(first, `/v2/app/blobs/${digestOf(SECRET)}`, own)).toBe(404);
  });

  it('that was removed from the cluster is refused, though its certificate is good', async () => {
    const [first, second] = nodes as [Node, Node];
    first.isMember = (nodeId) => nodeId !== 'removed';
    const removed = await issue('removed');
    expect(await ask(first, '/v2/', removed)).toBe(403);
    expect(await ask(first, '/v2/', await issue('n9'))).toBe(200);
    // Without a manager nodes go on taking images from each other.
    second.isMember = undefined;
    expect(await ask(second, '/v2/', await issue('n8'))).toBe(200);
  });

  it('is not believed when it shows no certificate of the cluster', async () => {
    const [first, second] = nodes as [Node, Node];
    const strangers = await TestAuthority.create();
    const identity = await strangers.issue({ nodeId: 'n9', role: 'worker', clusterId: CLUSTER });
    const stranger = await Node.start('n9', identity);
    try {
      await untilServed(stranger);
      second.holders = [stranger.holder()];
      await expect(second.fixture.pull(image())).rejects.toMatchObject({
        hint: expect.stringContaining('is not trusted'),
      });
    } finally {
      await stranger.close();
    }
    expect(await ask(first, '/v2/', first.identity)).toBe(200);
  });
});
