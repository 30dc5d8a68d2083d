import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from './json.ts';
import type { Model } from './normalize.ts';
import { imageNames, renderModel, serviceHash, servicesInOrder } from './render.ts';
import { withServices, withUsedResources } from './select.ts';

const WEB: JsonObject = {
  command: null,
  entrypoint: null,
  image: 'web',
  environment: { A: '$HOME', B: 'on', C: '56:12', D: null },
  depends_on: { db: { condition: 'service_started', required: true } },
  networks: { default: null },
  deploy: { resources: {}, placement: {}, replicas: 2 },
};

const MODEL: Model = {
  name: 'shop',
  services: {
    web: WEB,
    db: {
      command: ['x'],
      entrypoint: null,
      build: { context: '/p' },
      volumes: [{ type: 'volume', source: 'd', target: '/d' }],
    },
    alone: { command: null, entrypoint: null, image: 'y', secrets: [{ source: 's' }] },
  },
  networks: { default: { name: 'shop_default', ipam: {} }, unused: { name: 'shop_unused', ipam: {} } },
  volumes: { d: { name: 'shop_d' }, unused: { name: 'shop_unused' } },
  secrets: { s: { name: 'shop_s', file: '/s' } },
  extensions: { 'x-own': [1] },
};

describe('a model as text', () => {
  it('is JSON with sorted keys, where a dollar is doubled', () => {
    const text = renderModel(MODEL, 'json', true);
    expect(Object.keys(JSON.parse(text))).toEqual(['name', 'networks', 'secrets', 'services', 'volumes', 'x-own']);
    expect(JSON.parse(text).services.web).toEqual({
      ...WEB,
      environment: { A: '$$HOME', B: 'on', C: '56:12', D: null },
    });
    expect(renderModel(MODEL, 'json', false)).toContain('"$HOME"');
  });

  it('is JSON without the user’s own keys below the top, as Compose’s is', () => {
    const web = { image: 'x', 'x-own': 1, labels: { 'x-label': 'kept' }, healthcheck: { 'x-own': 2, retries: 1 } };
    const model = { ...MODEL, services: { web } };
    expect(JSON.parse(renderModel(model, 'json', true)).services.web).toEqual({
      image: 'x',
      labels: { 'x-label': 'kept' },
      healthcheck: { retries: 1 },
    });
    expect(JSON.parse(renderModel(model, 'json', false)).services.web).toEqual(web);
    expect(parse(renderModel(model, 'yaml', true)).services.web).toEqual(web);
  });

  it('is YAML that says the same to readers of older YAML, and is silent of what says nothing', () => {
    const text = renderModel(MODEL, 'yaml', false);
    const read = parse(text, { version: '1.1' });
    expect(read.services.web).toEqual({
      image: 'web',
      environment: { A: '$HOME', B: 'on', C: '56:12', D: null },
      depends_on: WEB.depends_on,
      networks: { default: null },
      deploy: { replicas: 2 },
    });
    expect(read.networks.default).toEqual({ name: 'shop_default' });
  });
});

describe('parts of a model', () => {
  it('are services with what they depend on, and what these use', () => {
    const { services, networks, volumes, secrets } = withUsedResources(withServices(MODEL, ['web']));
    expect(Object.keys(services)).toEqual(['web', 'db']);
    expect({ networks, volumes, secrets }).toEqual({
      networks: { default: { name: 'shop_default', ipam: {} } },
      volumes: { d: { name: 'shop_d' } },
      secrets: undefined,
    });
    expect(() => withServices(MODEL, ['nope'])).toThrow('no such service: nope');
  });

  it('are listed', () => {
    expect(servicesInOrder(MODEL)).toEqual(['alone', 'db', 'web']);
    expect(imageNames(MODEL)).toEqual(['web', 'shop-db', 'y']);
  });

  it('are listed once each where they depend on each other, or on what only objects have', () => {
    const on = (other: string): JsonObject => ({ image: 'x', depends_on: { [other]: { required: false } } });
    const services = { a: on('b'), b: on('a'), c: on('constructor') };
    expect(servicesInOrder({ ...MODEL, services })).toEqual(['b', 'a', 'c']);
    expect(Object.keys(withServices({ ...MODEL, services }, ['c']).services)).toEqual(['c']);
  });

  it('have a hash of what makes their containers', () => {
    expect(serviceHash(WEB)).toMatch(/^[0-9a-f]{64}$/);
    expect(
      serviceHash({ ...WEB, depends_on: {}, scale: 3, deploy: { placement: {}, replicas: 3, resources: {} } }),
    ).toBe(serviceHash(WEB));
    expect(serviceHash({ ...WEB, image: 'other' })).not.toBe(serviceHash(WEB));
  });
});
