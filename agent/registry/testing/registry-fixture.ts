/** For tests: an image store whose registries are on loopback, and a clock that doesn't wait. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import {
  type ImagePullRequest,
  type ImagePullResponse,
  type ImagePushRequest,
  type ImagePushResponse,
  PullOrder,
  type RegistryCredentials,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { TestStores } from '../../image/testing/fixtures.ts';
import { type ClusterImages, PeerImages } from '../peer-images.ts';
import type { Environment } from '../proxy.ts';
import { Registries } from '../registries.ts';
import { RegistryConnector } from '../registry-connector.ts';
import type { RegistrySettings } from '../registry-settings.ts';
import { REAL_CLOCK, type RetryClock } from '../retry.ts';

const STALL_MS = 300;
const NOBODY = new AbortController().signal;

export interface PullWatch {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: ImagePullResponse) => void;
}

export interface FixtureOptions {
  readonly settings?: Partial<RegistrySettings>;
  readonly env?: Environment;
  readonly stallMs?: number;
  /** Pauses last as long as they should, instead of being noted only. */
  readonly waits?: boolean;
  readonly cluster?: () => ClusterImages | undefined;
}

export class RegistryFixture {
  readonly stores = new TestStores();
  /** What was waited for, in milliseconds. */
  readonly pauses: number[] = [];
  readonly registries: Registries;
  nowMs = 1_700_000_000_000;

  constructor({
    settings = {},
    env = {},
    stallMs = STALL_MS,
    waits = false,
    cluster = () => undefined,
  }: FixtureOptions = {}) {
    const clock: RetryClock = {
      now: () => this.nowMs,
      chance: () => 0,
      sleep: async (ms, signal) => {
        this.pauses.push(ms);
        if (waits) await REAL_CLOCK.sleep(ms, signal);
      },
    };
    const connector = new RegistryConnector({
      settings: { mirrors: [], insecure: [], certificates: [], ...settings },
      ...{ env, clock, stallMs },
    });
    const logger = pino({ level: 'silent' });
    const peers = new PeerImages({ cluster, clock, chance: () => 0, logger });
    this.registries = new Registries({
      images: this.stores.images,
      ...{ connector, peers, clock, logger },
    });
  }

  async open(): Promise<this> {
    await this.stores.open();
    return this;
  }

  async pull(
    reference: string,
    options: Partial<ImagePullRequest> = {},
    { signal = NOBODY, onEvent = () => undefined }: PullWatch = {},
  ): Promise<ImagePullResponse[]> {
    const request = {
      reference,
      platform: '',
      credentials: undefined,
      allTags: false,
      order: PullOrder.REGISTRY_FIRST,
      ...options,
    };
    return await collect(this.registries.pull(request, signal), onEvent);
  }

  async push(reference: string, options: Partial<ImagePushRequest> = {}): Promise<ImagePushResponse[]> {
    return await collect(
      this.registries.push({ reference, credentials: undefined, allTags: false, platform: '', ...options }, NOBODY),
    );
  }

  async login(domain: string, credentials: RegistryCredentials): Promise<void> {
    await this.registries.login(domain, credentials, NOBODY);
  }

  /** What lies in the content store and in the layers, when nothing is being done. */
  async left(): Promise<{ blobs: string[]; ingest: string[]; layers: string[] }> {
    await this.stores.images.garbage.settled();
    const list = (path: string) => readdirSync(join(this.stores.dir, path));
    return {
      blobs: list('content/blobs/sha256'),
      ingest: [...list('content/ingest'), ...list('content/partial')],
      layers: [...list('layers').filter((name) => name.length === 64), ...list('layers/tmp')],
    };
  }

  async dispose(): Promise<void> {
    await this.stores.dispose();
  }
}

async function collect<Event>(
  events: AsyncIterable<Event>,
  onEvent: (event: Event) => void = () => undefined,
): Promise<Event[]> {
  const all: Event[] = [];
  for await (const event of events) {
    all.push(event);
    onEvent(event);
  }
  return all;
}
