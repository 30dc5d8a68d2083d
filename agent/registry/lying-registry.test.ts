/**
 * Registries that lie, stall or send garbage, over real connections. In every case: an error with the image's name (and
 * the layer's), and nothing left behind: no blob, no file, no layer, no connection, no timer.
 */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { digestOf } from '../image/content-store.ts';
import { OCI_CONFIG, OCI_INDEX } from '../image/manifest.ts';
import { isRoot } from '../image/testing/fixtures.ts';
import { refuse } from './testing/fake-registry.ts';
import {
  BASE,
  configOf,
  dropping,
  HEAD,
  type Lie,
  LyingRegistry,
  layer,
  manifest,
  sized,
  TOP,
  text,
  withConfig,
  withLayer,
} from './testing/lying-registry.ts';
import { drip, flood, sendRaw } from './testing/raw-answers.ts';

let lying: LyingRegistry;
beforeEach(async () => {
  lying = await LyingRegistry.open();
});
afterEach(() => lying.dispose());

describe.runIf(isRoot)('a registry that', () => {
  it.each<[string, Lie, string, RegExp]>([
    ['sends half a header', manifest((to) => sendRaw(to, HEAD)), 'UNAVAILABLE', /app:1: .*has stalled/],
    ['drips a header', manifest((to) => drip(to, `${HEAD}x: `, 'x')), 'UNAVAILABLE', /app:1: .*has stalled/],
    [
      'drips a manifest',
      manifest((to) => drip(to, `${HEAD}content-length: 9999\r\n\r\n`, ' ')),
      'UNAVAILABLE',
      /app:1: .*has stalled/,
    ],
    [
      'drips a layer',
      layer((to) => drip(to, `${HEAD}content-length: ${TOP.length}\r\n\r\n`, 'x')),
      'UNAVAILABLE',
      /app:1: layer 2 .*has stalled/,
    ],
    [
      'stops within a manifest',
      manifest((to) => sendRaw(to, `${HEAD}content-length: 9999\r\n\r\n{`)),
      'UNAVAILABLE',
      /app:1: .*has stalled/,
    ],
    [
      'stops within a chunk',
      manifest((to) => sendRaw(to, `${HEAD}transfer-encoding: chunked\r\n\r\nff\r\n{`)),
      'UNAVAILABLE',
      /app:1: .*has stalled/,
    ],
    [
      'sends chunks that are none',
      manifest((to) => sendRaw(to, `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`)),
      'UNAVAILABLE',
      /app:1: .*(isn't HTTP|broke off)/,
    ],
    [
      'says two lengths',
      manifest((to) => sendRaw(to, `${HEAD}content-length: 5\r\ncontent-length: 6\r\n\r\n{}`)),
      'UNAVAILABLE',
      /app:1: .*isn't HTTP/,
    ],
    [
      'has a header without end',
      manifest((to) => flood(to, `${HEAD}x: `, 'x'.repeat(1000))),
      'UNAVAILABLE',
      /app:1: .*sends headers that are too long/,
    ],
    [
      'says without end that it will answer',
      manifest((to) => flood(to, '', 'HTTP/1.1 103 Early Hints\r\n\r\n')),
      'UNAVAILABLE',
      /app:1: .*has stalled/,
    ],
    [
      'wants to speak something else',
      manifest((to) => sendRaw(to, 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')),
      'UNAVAILABLE',
      /app:1: .*(ended the connection without an answer|broke off)/,
    ],
    ['answers 204', manifest((_, to) => void to.writeHead(204).end()), 'INVALID_ARGUMENT', /app:1: .*HTTP status 204/],
    ['answers 304', manifest((_, to) => void to.writeHead(304).end()), 'INVALID_ARGUMENT', /app:1: .*HTTP status 304/],
    [
      'answers 206',
      manifest((_, to) => void to.writeHead(206).end('{}')),
      'INVALID_ARGUMENT',
      /app:1: .*HTTP status 206/,
    ],
    ['answers 999', manifest((_, to) => void to.writeHead(999).end()), 'UNAVAILABLE', /app:1: .*HTTP status 999/],
    ['sends nothing', text(''), 'INVALID_ARGUMENT', /app:1: the manifest of .* is not JSON/],
    ['sends half a manifest', text('{"schemaVersion":2,'), 'INVALID_ARGUMENT', /app:1: .* is not JSON/],
    ['sends a list', text('[]'), 'INVALID_ARGUMENT', /app:1: .* is not an object/],
    ['sends null', text('null'), 'INVALID_ARGUMENT', /app:1: .* is not an object/],
    [
      'sends a manifest without a config',
      text('{"layers":[]}'),
      'INVALID_ARGUMENT',
      /app:1: .*config is not an object/,
    ],
    [
      'sends layers that are none',
      text('{"config":{},"layers":{}}'),
      'INVALID_ARGUMENT',
      /app:1: .*layers is not an array/,
    ],
    ['sends brackets', text('['.repeat(1 << 20)), 'INVALID_ARGUMENT', /app:1: .* is not JSON/],
    [
      'sends deep brackets',
      text('['.repeat(500_000) + ']'.repeat(500_000)),
      'INVALID_ARGUMENT',
      /app:1: .*nested too deeply/,
    ],
    [
      'sends a page of a login, with 200',
      text('<!DOCTYPE html><title>Log in</title>', { 'content-type': 'text/html' }),
      'INVALID_ARGUMENT',
      /app:1: .* is not JSON/,
    ],
    [
      'calls an image an index',
      (bad) =>
        bad.answer(
          '/manifests/',
          (_, to) =>
            void to.writeHead(200, { 'content-type': OCI_INDEX }).end(bad.registry.manifests.get('app:1')?.bytes),
        ),
      'INVALID_ARGUMENT',
      /app:1: .*is an image, but came as .*image\.index/,
    ],
    [
      'sends what is both an index and an image',
      ({ registry }) => registry.putManifest('app', '1', { config: {}, layers: [], manifests: [] }),
      'INVALID_ARGUMENT',
      /app:1: .*is both an index and an image/,
    ],
    [
      'has 128 layers',
      ({ registry }) =>
        registry.putImage(
          'app',
          '1',
          Array.from({ length: 128 }, () => BASE),
        ),
      'INVALID_ARGUMENT',
      /app:1: .*has 128 layers, more than the 127 allowed/,
    ],
    [
      'calls a manifest of an index larger than it is',
      ({ registry }) => {
        const image = registry.putImage('app', 'amd', [BASE]);
        const entry = {
          digest: image,
          size: 7,
          mediaType: OCI_CONFIG,
          platform: { os: 'linux', architecture: 'amd64' },
        };
        registry.putManifest('app', '1', { manifests: [entry] }, OCI_INDEX);
      },
      'CORRUPT',
      /app:1: manifest sha256:\w+ of .* has \d+ bytes instead of 7/,
    ],
    ['calls a layer larger than it is', sized('layer', 5), 'UNAVAILABLE', /app:1: layer 1 .*sent \d+ of the \d+ bytes/],
    [
      'calls a layer smaller than it is',
      sized('layer', -5),
      'CORRUPT',
      /app:1: layer 1 .*sent more than the \d+ bytes/,
    ],
    [
      'calls a config larger than it is',
      sized('config', 5),
      'UNAVAILABLE',
      /app:1: .*sent \d+ of the \d+ bytes of blob/,
    ],
    [
      'calls a config smaller than it is',
      sized('config', -5),
      'CORRUPT',
      /app:1: .*sent more than the \d+ bytes of blob/,
    ],
    [
      'calls a config very large',
      sized('config', 1 << 30),
      'INVALID_ARGUMENT',
      /app:1: the config of .* is larger than 8 MiB/,
    ],
    [
      'has a config that is none',
      withConfig(Buffer.from('<html>')),
      'INVALID_ARGUMENT',
      /app:1: the config of .* is not JSON/,
    ],
    [
      'has a config of another kind',
      withConfig(configOf({ rootfs: 5 })),
      'INVALID_ARGUMENT',
      /app:1: the config of .*rootfs is not an object/,
    ],
    [
      'has a layer that is no archive',
      withLayer(Buffer.alloc(9000, 5)),
      'INVALID_ARGUMENT',
      /app:1: .*layer 1 of .*app:1: tar archive: /,
    ],
    [
      'has a layer that is cut off',
      withLayer(BASE.subarray(0, 1026)),
      'INVALID_ARGUMENT',
      /app:1: .*layer 1 of .*ends in the middle/,
    ],
    [
      'has a layer whose compression is cut off',
      withLayer(gzipSync(BASE).subarray(0, 100), digestOf(BASE)),
      'INVALID_ARGUMENT',
      /app:1: .*layer 1 of .*damaged gzip data/,
    ],
    [
      'has a layer with garbage behind its compression',
      withLayer(Buffer.concat([gzipSync(BASE), Buffer.from('garbage that goes on for a while')]), digestOf(TOP)),
      'INVALID_ARGUMENT',
      /app:1: .*layer 1 of .*damaged gzip data/,
    ],
    [
      'gives the digest of a compressed layer for that of what it unpacks to',
      withLayer(gzipSync(BASE)),
      'CORRUPT',
      /app:1: layer 1 of .*app:1 unpacks to sha256:\w+ instead of/,
    ],
    [
      'compresses on the way',
      layer((_, to) => void to.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(TOP))),
      'UNAVAILABLE',
      /app:1: layer 2 .*sent \d+ of the/,
    ],
    [
      'drops a layer at the same byte each time',
      layer((_, to) => {
        to.writeHead(200, { 'content-length': TOP.length });
        to.write(TOP.subarray(0, 5000), () => to.destroy());
      }),
      'UNAVAILABLE',
      /app:1: layer 2 .*broke off/,
    ],
    ['drops a layer each time after a little more', layer(dropping(1000)), 'UNAVAILABLE', /app:1: layer 2 .*broke off/],
    [
      'goes on elsewhere than it was asked to',
      layer((to, response) => {
        if (to.headers.range === undefined) dropping(1000)(to, response);
        else
          response
            .writeHead(206, { 'content-range': `bytes 150000-${TOP.length - 1}/${TOP.length}` })
            .end(TOP.subarray(150_000));
      }),
      'CORRUPT',
      /app:1: layer 2 .*from byte 150000 on, not from \d+/,
    ],
    [
      'goes on with something else',
      layer((to, response) => {
        if (to.headers.range === undefined) dropping(1000)(to, response);
        else {
          const from = Number(/\d+/.exec(to.headers.range)?.[0]);
          response.writeHead(206, { 'content-range': `bytes ${from}-${TOP.length - 1}/${TOP.length}` });
          response.end(Buffer.alloc(TOP.length - from, 9));
        }
      }),
      'CORRUPT',
      /app:1: layer 2 .*has the digest/,
    ],
    [
      'redirects to what is no URL',
      manifest((_, to) => void to.writeHead(307, { location: 'http://[' }).end()),
      'UNAVAILABLE',
      /app:1: .*redirects to something that isn't a URL/,
    ],
    [
      'redirects to a script',
      manifest((_, to) => void to.writeHead(302, { location: 'javascript:alert(1)' }).end()),
      'UNSUPPORTED',
      /app:1: .*redirects to javascript:/,
    ],
    [
      'redirects and says why at length',
      manifest((to) => sendRaw(to, `HTTP/1.1 307 x\r\nlocation: ${to.url}\r\ncontent-length: 100\r\n\r\nx`)),
      'UNAVAILABLE',
      /app:1: .*redirects in circles/,
    ],
    [
      'redirects to nobody',
      manifest((_, to) => void to.writeHead(302, { location: 'http://127.0.0.1:1/x' }).end()),
      'UNAVAILABLE',
      /app:1: .*cannot reach 127\.0\.0\.1:1: connection refused/,
    ],
    [
      'refuses in words that move the cursor',
      manifest((_, to) => refuse(to, 400, 'X', `\u001b[2J\n${'long '.repeat(999)}`)),
      'INVALID_ARGUMENT',
      /^pulling \P{Cc}{1,600}$/u,
    ],
    [
      'answers its first question and never ends',
      ({ registry }) => {
        registry.misbehave = (request, response) => {
          if (request.url === '/v2/') sendRaw(request, `${HEAD}content-length: 100\r\n\r\n{`);
          else refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
          return true;
        };
      },
      'IMAGE_NOT_FOUND',
      /manifest for .*app:1 not found/,
    ],
  ])('%s is told of with its image, and leaves nothing', async (_, spoil, code, message) => {
    spoil(lying);
    await lying.expectFailure(code, message);
  });
});
