import { describe, expect, it } from 'vitest';
import { inBuildOrder } from './build-order.ts';
import { loadText, loadWeb, refusals, type Surroundings, webText } from './load.testing.ts';

const SURROUNDINGS: Surroundings = { files: { 'token.txt': 'T' }, env: { FROM_SHELL: 's' } };

describe('a build', () => {
  it.each<[build: string, expected: object]>([
    ['.', { context: '/project', dockerfile: 'Dockerfile', dockerfileText: '' }],
    ['{context: app, dockerfile: ../D, target: t}', { context: '/project/app', dockerfile: '../D', target: 't' }],
    ['{dockerfile_inline: FROM x}', { context: '/project', dockerfile: '', dockerfileText: 'FROM x' }],
    ['https://example.com/app.git#main', { context: 'https://example.com/app.git#main' }],
    ['github.com/a/b#v1:dir', { context: 'https://github.com/a/b.git#v1:dir' }],
    ['{args: {A: 1, FROM_SHELL: , NOWHERE: }}', { args: { A: '1', FROM_SHELL: 's' } }],
    ['{labels: [a=b], tags: ["x:1", "x:2"]}', { labels: { a: 'b' }, tags: ['x:1', 'x:2'] }],
    ['{no_cache: true, no_cache_filter: [a, b], pull: true}', { noCache: true, noCacheStages: ['a', 'b'], pull: true }],
    ['{network: none, shm_size: 1m}', { network: 'none', shmSizeBytes: 2 ** 20 }],
    ['{extra_hosts: ["a:1.2.3.4"]}', { extraHosts: ['a:1.2.3.4'] }],
    ['{ulimits: {nofile: 10}}', { ulimits: [{ name: 'nofile', soft: 10, hard: 10 }] }],
    ['{cache_from: ["x:1", "type=registry,ref=y:2"]}', { cacheFrom: ['x:1', 'type=registry,ref=y:2'] }],
    ['{cache_from: ["type=local,src=c"]}', { cacheFrom: ['type=local,src=/project/c'] }],
    ['{cache_to: ["type=inline"]}', { cacheTo: ['type=inline'] }],
    ['{cache_to: ["type=local,dest=./c,mode=max"]}', { cacheTo: ['type=local,dest=/project/c,mode=max'] }],
    ['{cache_to: ["type=registry,ref=y:2"]}', { cacheTo: ['type=registry,ref=y:2'] }],
    [
      '{additional_contexts: {a: "oci-layout://out/x:1"}}',
      { additionalContexts: { a: 'oci-layout:///project/out/x:1' } },
    ],
    ['{secrets: [token]}', { secrets: { token: Buffer.from('T') } }],
    ['{secrets: [{source: token, target: other}]}', { secrets: { other: Buffer.from('T') } }],
    ['{ssh: [default, "id=./key"]}', { ssh: ['default', 'id=/project/key'] }],
    ['{platforms: [linux/amd64, linux/arm64]}', { platforms: ['linux/amd64', 'linux/arm64'] }],
    ['{provenance: false, sbom: false}', { context: '/project' }],
    ['{entitlements: [network.host], privileged: false, isolation: default}', { context: '/project' }],
    [
      '{additional_contexts: {a: ./a, b: "docker-image://x:1", c: "service:base", x-d: https://example.com/d.tar}}',
      {
        additionalContexts: {
          ...{ a: '/project/a', b: 'docker-image://x:1', c: 'service:base' },
          'x-d': 'https://example.com/d.tar',
        },
      },
    ],
  ])('%s', (build, expected) => {
    const rest = '  base: {image: base}\nsecrets: {token: {file: token.txt}}\n';
    expect(loadWeb(`build: ${build}`, rest, SURROUNDINGS).service.build).toMatchObject(expected);
  });

  it('is for the platform of the service before others', () => {
    const { service } = loadWeb('platform: linux/arm64\nbuild: {platforms: [linux/amd64, linux/arm64]}');
    const platforms = ['linux/arm64', 'linux/amd64'];
    expect(service.build).toMatchObject({ platform: 'linux/arm64', platforms });
    const alone = loadWeb('platform: linux/arm64\nbuild: .').service.build;
    expect(alone).toMatchObject({ platform: 'linux/arm64', platforms: ['linux/arm64'] });
  });

  it.each([
    ['{context: "service:a"}', 'build.context: "service:a" is no directory'],
    ['{additional_contexts: ["a=service:gone"]}', 'build.additional_contexts[0]: service "gone" is not defined'],
    ['{cache_from: ["type=gha"]}', 'build.cache_from[0]: the type gha of cache_from is not supported; write'],
    ['{cache_to: ["type=s3,bucket=x"]}', 'build.cache_to[0]: the type s3 of cache_to is not supported'],
    ['{cache_to: ["type=local"]}', 'build.cache_to[0]: cache_to type=local names no directory; add dest=DIRECTORY'],
    ['{entitlements: [network.host, security.insecure]}', 'build.entitlements[1]: steps have no more rights than'],
    [
      '{privileged: true}',
      'build.privileged: steps have no more rights than containers have by default; remove it, and',
    ],
    ['{isolation: process}', 'build.isolation: is for Windows containers'],
    ['{network: mine}', 'build.network: "mine" is not allowed here; write one of default, none, host'],
    ['{secrets: [{source: token, mode: 0400}]}', 'build.secrets[0].mode: not supported yet; say it in the Dockerfile'],
    ['{secrets: [there]}', 'build.secrets[0]: the content of the external secret "there" is not known here'],
    ['{provenance: true}', 'build.provenance: attestations are not supported'],
    [
      '{additional_contexts: {a: "service:web"}}',
      'services.web.build: services are built from each other in a circle: web → web',
    ],
  ])('%s is refused', (build, expected) => {
    const rest = 'secrets: {token: {file: token.txt}, there: {external: true}}\n';
    expect(refusals(webText(`build: ${build}`, rest), SURROUNDINGS).join('\n')).toContain(expected);
  });

  it('comes after those whose images it is made from', () => {
    const from = (other: string) => `{build: {additional_contexts: {base: "service:${other}"}}}`;
    const { services } = loadText(
      `services:\n  a: ${from('b')}\n  b: ${from('c')}\n  c: {build: .}\n  d: {image: x}\n`,
    );
    expect(inBuildOrder(services).map(({ name }) => name)).toEqual(['c', 'b', 'a']);
  });
});
