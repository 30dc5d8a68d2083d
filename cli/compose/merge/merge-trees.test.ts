import { describe, expect, it } from 'vitest';
import { parseYaml } from '../syntax/parse-yaml.ts';
import { plain } from '../syntax/plain.testing.ts';
import type { Problem } from '../syntax/problem.ts';
import type { Mapping } from '../syntax/tree.ts';
import { mergeTrees } from './merge-trees.ts';
import { settle } from './settle.ts';

function merge(texts: readonly string[]) {
  const problems: Problem[] = [];
  const trees = texts.flatMap((text, index) => parseYaml(`${index}.yml`, text));
  const tree = trees.reduce((base, over) => mergeTrees(base, over, [], problems) as Mapping);
  return { tree: settle(tree), problems };
}

/** What the service is when each of the texts is in a file of its own. */
function service(...texts: string[]): unknown {
  const { tree, problems } = merge(texts.map((text) => `services: {web: {${text}}}`));
  expect(problems).toEqual([]);
  const { services } = plain(tree) as { services: { web: unknown } };
  return services.web;
}

describe('merging services', () => {
  it.each<[string, string, string, unknown]>([
    ['a scalar', 'image: a', 'image: b', { image: 'b' }],
    ['a key that is new', 'image: a', 'user: b', { image: 'a', user: 'b' }],
    ['null', 'image: a', 'image:', { image: 'a' }],
    ['a null before', 'image:', 'image: b', { image: 'b' }],
    ['a command', 'command: a b', 'command: [c]', { command: ['c'] }],
    ['a command that is cleared', 'command: a b', 'command:', { command: null }],
    ['an entrypoint', 'entrypoint: [a]', 'entrypoint: b', { entrypoint: 'b' }],
    [
      'a healthcheck',
      'healthcheck: {test: [CMD, a], interval: 5s}',
      'healthcheck: {test: b}',
      { healthcheck: { test: 'b', interval: '5s' } },
    ],
    [
      'environment of both forms',
      'environment: [A=1, B=2, C]',
      'environment: {B: 3, D: }',
      { environment: { A: '1', B: 3, C: null, D: null } },
    ],
    ['a variable taken from the shell again', 'environment: {A: 1}', 'environment: [A]', { environment: { A: null } }],
    ['labels', 'labels: {a: b}', 'labels: [a=c, d=e=f]', { labels: { a: 'c', d: 'e=f' } }],
    ['annotations', 'annotations: [a=1]', 'annotations: {b: 2}', { annotations: { a: '1', b: 2 } }],
    ['sysctls', 'sysctls: [a=1]', 'sysctls: {a: 2}', { sysctls: { a: 2 } }],
    ['labels of deploy', 'deploy: {labels: [a=1]}', 'deploy: {labels: {a: 2}}', { deploy: { labels: { a: 2 } } }],
    ['dns', 'dns: 1.1.1.1', 'dns: [8.8.8.8, 1.1.1.1]', { dns: ['1.1.1.1', '8.8.8.8'] }],
    ['dns_search', 'dns_search: a', 'dns_search: b', { dns_search: ['a', 'b'] }],
    ['dns_opt', 'dns_opt: [a]', 'dns_opt: [b]', { dns_opt: ['a', 'b'] }],
    ['tmpfs', 'tmpfs: /a', 'tmpfs: /b', { tmpfs: ['/a', '/b'] }],
    ['env_file', 'env_file: a', 'env_file: [a, {path: b}]', { env_file: ['a', { path: 'b' }] }],
    ['label_file', 'label_file: a', 'label_file: b', { label_file: ['a', 'b'] }],
    [
      'extra_hosts',
      'extra_hosts: {a: 1.1.1.1}',
      'extra_hosts: ["a:1.1.1.1", "b=::1", "a:2.2.2.2"]',
      { extra_hosts: ['a=1.1.1.1', 'b=::1', 'a:2.2.2.2'] },
    ],
    [
      'networks of both forms',
      'networks: [a, b]',
      'networks: {b: {aliases: [x]}, c: }',
      { networks: { a: null, b: { aliases: ['x'] }, c: null } },
    ],
    [
      'aliases',
      'networks: {a: {aliases: [x, y]}}',
      'networks: {a: {aliases: [y, z]}}',
      { networks: { a: { aliases: ['x', 'y', 'z'] } } },
    ],
    ['networks with null', 'networks: [a]', 'networks:', { networks: ['a'] }],
    [
      'depends_on of both forms',
      'depends_on: [a, b]',
      'depends_on: {b: {condition: service_healthy}}',
      { depends_on: { a: { condition: 'service_started' }, b: { condition: 'service_healthy' } } },
    ],
    ['build of both forms', 'build: ./a', 'build: {target: b}', { build: { context: './a', target: 'b' } }],
    ['build', 'build: {context: ./a, args: [A=1]}', 'build: ./b', { build: { context: './b', args: ['A=1'] } }],
    ['args', 'build: {args: [A=1]}', 'build: {args: {A: 2, B: 3}}', { build: { args: { A: 2, B: 3 } } }],
    ['tags', 'build: {tags: [a]}', 'build: {tags: [a, b]}', { build: { tags: ['a', 'b'] } }],
    [
      'ulimits',
      'ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}',
      'ulimits: {nofile: 4}',
      { ulimits: { nofile: 4, nproc: 3 } },
    ],
    [
      'logging with the same driver',
      'logging: {driver: a, options: {x: "1", y: "2"}}',
      'logging: {driver: a, options: {y: "3"}}',
      { logging: { driver: 'a', options: { x: '1', y: '3' } } },
    ],
    [
      'logging with another driver',
      'logging: {driver: a, options: {x: "1"}}',
      'logging: {driver: b, options: {y: "3"}}',
      { logging: { driver: 'b', options: { y: '3' } } },
    ],
    [
      'logging without a driver',
      'logging: {driver: a, options: {x: "1"}}',
      'logging: {options: {y: "3"}}',
      { logging: { driver: 'a', options: { x: '1', y: '3' } } },
    ],
    ['capabilities', 'cap_add: [A, B]', 'cap_add: [B, C]', { cap_add: ['A', 'B', 'C'] }],
    ['expose', 'expose: ["80"]', 'expose: [80, 81]', { expose: [80, 81] }],
    ['links', 'links: [a]', 'links: [a, b]', { links: ['a', 'b'] }],
    ['profiles', 'profiles: [a]', 'profiles: [b, a]', { profiles: ['a', 'b'] }],
    ['devices by target', 'devices: ["/a:/x"]', 'devices: ["/b:/x", /c]', { devices: ['/b:/x', '/c'] }],
    [
      'volumes by target',
      'volumes: [one:/data, ./x:/x]',
      'volumes: ["two:/data/", {type: tmpfs, target: /x}, /new]',
      { volumes: ['two:/data/', { type: 'tmpfs', target: '/x' }, '/new'] },
    ],
    [
      'configs by target',
      'configs: [a, b]',
      'configs: [{source: c, target: /a}]',
      { configs: [{ source: 'c', target: '/a' }, 'b'] },
    ],
    [
      'secrets by target',
      'secrets: [a]',
      'secrets: [{source: b, target: /run/secrets/a}]',
      { secrets: [{ source: 'b', target: '/run/secrets/a' }] },
    ],
    [
      'soft and hard ulimits',
      'ulimits: {nofile: {soft: 1, hard: 9}, nproc: 3}',
      'ulimits: {nofile: {soft: 2}, nproc: {soft: 4, hard: 5}}',
      { ulimits: { nofile: { soft: 2, hard: 9 }, nproc: { soft: 4, hard: 5 } } },
    ],
    ['what nothing is said about', 'security_opt: [a]', 'security_opt: [b, a, c]', { security_opt: ['a', 'b', 'c'] }],
    [
      'what says the same in another order',
      'post_start: [{command: a, user: b}]',
      'post_start: [{user: b, command: a}, {command: c}]',
      { post_start: [{ user: 'b', command: 'a' }, { command: 'c' }] },
    ],
    ['a number and its text, which differ', 'group_add: [100]', 'group_add: ["100"]', { group_add: [100, '100'] }],
    ['own keys', 'x-a: {b: [1], d: 1}', 'x-a: {b: [1, 2], c: 3}', { 'x-a': { b: [1, 2], c: 3, d: 1 } }],
    [
      'own keys of other forms',
      'x-a: {b: [1]}, x-c: [1]',
      'x-a: {b: {c: 3}}, x-c: 2',
      { 'x-a': { b: { c: 3 } }, 'x-c': 2 },
    ],
  ])('%s', (_, base, over, expected) => {
    expect(service(base, over)).toEqual(expected);
  });

  it('adds ports, each once: by address, published port, target and protocol', () => {
    const tcp = { protocol: 'tcp' };
    expect(
      service('ports: ["8080:80", 90]', 'ports: ["8080:80/tcp", "8081:80", "127.0.0.1:8080:80", "8080:80/udp"]'),
    ).toEqual({
      ports: [
        { target: 80, published: '8080', ...tcp },
        { target: 90, ...tcp },
        { target: 80, published: '8081', ...tcp },
        { host_ip: '127.0.0.1', target: 80, published: '8080', ...tcp },
        { target: 80, published: '8080', protocol: 'udp' },
      ],
    });
  });

  it('finds a port in a range', () => {
    expect(service('ports: ["8000-8001:80-81"]', 'ports: [{target: 81, published: 8001, mode: host}]')).toEqual({
      ports: [
        { target: 80, published: '8000', protocol: 'tcp' },
        { target: 81, published: 8001, mode: 'host' },
      ],
    });
  });
});

describe('tags', () => {
  it.each<[string, string[], unknown]>([
    ['!reset drops what is before', ['ports: [80], image: a', 'ports: !reset []'], { image: 'a' }],
    ['!reset of a word', ['user: me, image: a', 'user: !reset null'], { image: 'a' }],
    ['!reset of one variable', ['environment: {A: 1, B: 2}', 'environment: {A: !reset }'], { environment: { B: 2 } }],
    ['!reset of what isn’t there', ['image: a', 'ports: !reset []'], { image: 'a' }],
    ['!reset in the only file', ['image: a, ports: !reset [80]'], { image: 'a' }],
    ['!override of a list', ['cap_add: [A]', 'cap_add: !override [B]'], { cap_add: ['B'] }],
    ['!override of a mapping', ['labels: {a: b}', 'labels: !override {c: d}'], { labels: { c: 'd' } }],
    ['!override of a number', ['scale: 1', 'scale: !override 2'], { scale: 2 }],
    ['what is written after a !reset', ['cap_add: [A]', 'cap_add: !reset []', 'cap_add: [C]'], { cap_add: ['C'] }],
    [
      'what is written after an !override',
      ['cap_add: [A]', 'cap_add: !override [B]', 'cap_add: [C]'],
      { cap_add: ['B', 'C'] },
    ],
  ])('%s', (_, texts, expected) => {
    expect(service(...texts)).toEqual(expected);
  });

  it('!reset drops a whole service', () => {
    const { tree } = merge(['services: {a: {image: x}, b: {image: y}}', 'services: {a: !reset {}}']);
    expect(plain(tree)).toEqual({ services: { b: { image: 'y' } } });
  });
});

describe('other sections', () => {
  it('merges address pools by subnet', () => {
    const { tree } = merge([
      'networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.1}]}}}',
      'networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.2}, {subnet: 10.1.0.0/24}]}}}',
    ]);
    expect(plain(tree)).toEqual({
      networks: {
        n: { ipam: { config: [{ subnet: '10.0.0.0/24', gateway: '10.0.0.2' }, { subnet: '10.1.0.0/24' }] } },
      },
    });
  });

  it('says where two values are that don’t go together', () => {
    const { problems } = merge([
      'services:\n  web:\n    deploy: {mode: global}\n',
      'services:\n  web:\n    deploy: [x]\n',
    ]);
    expect(problems).toEqual([
      {
        position: { file: '1.yml', line: 3, column: 13 },
        key: 'services.web.deploy',
        message: "a list can't be merged with a mapping (0.yml:3)",
        hint: 'write both in the same form, or put !override before the later one',
      },
    ]);
  });

  it('keeps of each value where it was written', () => {
    const { tree } = merge(['services:\n  web:\n    image: a\n', 'services:\n  web:\n    user: b\n']);
    const web = tree.entries.get('services')?.value;
    const entries = web?.kind === 'mapping' ? web.entries.get('web')?.value : undefined;
    expect(entries?.kind === 'mapping' && [...entries.entries.values()].map(({ value }) => value.position)).toEqual([
      { file: '0.yml', line: 3, column: 12 },
      { file: '1.yml', line: 3, column: 11 },
    ]);
  });
});
