import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfigFile } from './file.ts';
import { loadOptions } from './load.ts';
import { resolveOptions, settingsFromEnvironment } from './options.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-config-'));
const file = join(directory, 'gantryd.json');
afterAll(() => rmSync(directory, { recursive: true }));

function load(argv: string[], env: Record<string, string> = {}, text = '{}') {
  writeFileSync(file, text);
  return loadOptions(['--config', file, ...argv], env, '1');
}

describe('gantryd’s options', () => {
  it('have defaults', () => {
    expect(resolveOptions([], 'machine')).toEqual({
      dataRoot: '/var/lib/gantry',
      execRoot: '/run/gantry',
      sockets: ['/run/gantry/gantry.sock'],
      advertiseAddr: '',
      name: 'machine',
      labels: {},
      genericResources: [],
      logLevel: 'info',
      registries: { mirrors: [], insecure: [], certificates: ['/etc/gantry/certs.d', '/etc/docker/certs.d'] },
      store: { address: '', files: { ca: '', cert: '', key: '' } },
      metricsAddr: '',
      managerMetricsAddr: '',
      imageGcHigh: 85,
      registryServer: { address: '', certificate: '', key: '', users: '', hosts: [] },
    });
  });

  it('put the socket into an exec root of their own', () => {
    expect(load(['--exec-root', '/run/other/']).sockets).toEqual(['/run/other/gantry.sock']);
  });

  it('come from flags, else the environment, else the file', () => {
    const text = '{"name": "file", "data-root": "/file", "log-level": "warn"}';
    const env = { GANTRY_NAME: 'env', GANTRY_DATA_ROOT: '/env' };
    expect(load(['--name', 'flag'], env, text)).toMatchObject({ name: 'flag', dataRoot: '/env', logLevel: 'warn' });
  });

  it('take several hosts', () => {
    expect(load(['--host', 'unix:///a', '--host', 'unix:///b']).sockets).toEqual(['/a', '/b']);
    expect(load([], { GANTRY_HOST: 'unix:///a, unix:///b' }).sockets).toEqual(['/a', '/b']);
    expect(load([], {}, '{"host": ["unix:///a", "unix:///b"]}').sockets).toEqual(['/a', '/b']);
    expect(load([], {}, '{"host": "unix:///a"}').sockets).toEqual(['/a']);
  });

  it('label the host', () => {
    const labels = { disk: 'ssd', zone: 'a=b' };
    expect(load(['--label', 'disk=ssd', '--label', 'zone=a=b']).labels).toEqual(labels);
    expect(load([], { GANTRY_LABELS: 'disk=ssd, zone=a=b' }).labels).toEqual(labels);
    expect(load([], {}, '{"labels": ["disk=ssd", "zone=a=b"]}').labels).toEqual(labels);
    expect(load([]).labels).toEqual({});
  });

  it('say what the host has that services can reserve', () => {
    const gpus = { kind: 'NVIDIA-GPU', names: ['UUID1', 'UUID2'], count: 0 };
    const ssd = { kind: 'ssd', names: [], count: 2 };
    const texts = ['NVIDIA-GPU=UUID1', 'NVIDIA-GPU=UUID2', 'ssd=2'];
    const flags = texts.flatMap((text) => ['--node-generic-resource', text]);
    expect(load(flags).genericResources).toEqual([gpus, ssd]);
    expect(load([], { GANTRY_NODE_GENERIC_RESOURCES: texts.join() }).genericResources).toEqual([gpus, ssd]);
    const file = JSON.stringify({ 'node-generic-resources': texts });
    expect(load([], {}, file).genericResources).toEqual([gpus, ssd]);
    expect(load([]).genericResources).toEqual([]);
  });

  it('say where the log is kept', () => {
    const files = { ca: '/ca', cert: '/cert', key: '/key' };
    const text = '{"store": "etcds://h1,h2/p", "store-ca": "/ca", "store-cert": "/cert", "store-key": "/key"}';
    expect(load([], {}, text).store).toEqual({ address: 'etcds://h1,h2/p', files });
    expect(load(['--store', 'etcds://h3'], {}, text).store).toEqual({ address: 'etcds://h3', files });
    expect(load([], { GANTRY_STORE: 'etcd://h' }).store.address).toBe('etcd://h');
  });

  it('say where each process shows its metrics', () => {
    const text = '{"metrics-addr": "127.0.0.1:9323", "manager-metrics-addr": "[::1]:9324"}';
    const addresses = { metricsAddr: '127.0.0.1:9323', managerMetricsAddr: '[::1]:9324' };
    expect(load([], {}, text)).toMatchObject(addresses);
    expect(load(['--metrics-addr', '0.0.0.0:1'], {}, text).metricsAddr).toBe('0.0.0.0:1');
    expect(load([], { GANTRY_MANAGER_METRICS_ADDR: '10.0.0.1:2' }).managerMetricsAddr).toBe('10.0.0.1:2');
  });

  it('say how registries are reached', () => {
    const text = '{"registry-mirrors": ["https://m1/hub/"], "insecure-registries": ["reg:5000", "10.0.0.0/8"]}';
    const registries = { mirrors: ['https://m1/hub'], insecure: ['reg:5000', '10.0.0.0/8'] };
    expect(load([], {}, text).registries).toMatchObject(registries);
    const flags = ['--registry-mirror', 'http://m2', '--insecure-registry', 'a', '--registry-certs', '/certs/'];
    expect(load(flags, {}, text).registries).toEqual({
      mirrors: ['http://m2'],
      insecure: ['a'],
      certificates: ['/certs'],
    });
    expect(load([], { GANTRY_INSECURE_REGISTRIES: 'a,[::1]:5000' }).registries.insecure).toEqual(['a', '[::1]:5000']);
  });

  it('say where the registry is', () => {
    const own = { address: '0.0.0.0:5000', certificate: '/c', key: '/k', users: '/u', hosts: ['a:5000', 'b'] };
    const flags = ['--registry-addr', '0.0.0.0:5000', '--registry-cert', '/c', '--registry-key', '/k'];
    flags.push('--registry-users', '/u', '--registry-host', 'a:5000', '--registry-host', 'b');
    expect(load(flags).registryServer).toEqual(own);
    const insecure = '{"registry-addr": "10.0.0.1:5000", "registry-users": "/u", "registry-insecure": "true"}';
    expect(load([], {}, insecure).registryServer).toMatchObject({ address: '10.0.0.1:5000', certificate: '' });
    expect(load(['--registry-addr', '127.0.0.1:5000']).registryServer.address).toBe('127.0.0.1:5000');
  });

  it('say how full the disk may get', () => {
    expect(load([]).imageGcHigh).toBe(85);
    expect(load(['--image-gc-high', '0'], { GANTRY_IMAGE_GC_HIGH: '70' }).imageGcHigh).toBe(0);
    expect(load([], {}, '{"image-gc-high": "70"}').imageGcHigh).toBe(70);
  });

  it('ignore empty variables', () => {
    expect(settingsFromEnvironment({ GANTRY_NAME: '', OTHER: 'x' })).toEqual({});
  });

  it.each([
    [['--data-root', 'relative'], '--data-root: invalid value "relative"'],
    [['--host', 'tcp://0.0.0.0:2375'], "--host: gantryd doesn't listen on tcp://0.0.0.0:2375"],
    [['--host', 'http://x'], '--host: invalid value "http://x"'],
    [['--host', 'unix://relative'], '--host: invalid value "relative"'],
    [['--advertise-addr', 'eth0'], '--advertise-addr: invalid value "eth0"'],
    [['--label', 'ssd'], '--label: invalid value "ssd"'],
    [['--node-generic-resource', 'gpu'], '--node-generic-resource: invalid value "gpu"'],
    [['--name', 'a b'], '--name: invalid value "a b"'],
    [['--metrics-addr', ':9323'], '--metrics-addr: invalid value ":9323"'],
    [['--metrics-addr', '127.0.0.1'], '--metrics-addr: invalid value "127.0.0.1"'],
    [['--metrics-addr', '::1'], '--metrics-addr: invalid value "::1"'],
    [['--manager-metrics-addr', 'localhost:1'], '--manager-metrics-addr: invalid value "localhost:1"'],
    [['--manager-metrics-addr', '127.0.0.1:65536'], '--manager-metrics-addr: invalid value "127.0.0.1:65536"'],
    [
      ['--metrics-addr', '0.0.0.0:1', '--manager-metrics-addr', '0.0.0.0:1'],
      '--manager-metrics-addr: invalid value "0.0.0.0:1"',
    ],
    [['--registry-mirror', 'mirror:5000'], '--registry-mirror: invalid value "mirror:5000"'],
    [['--registry-mirror', 'https://me:pw@mirror'], '--registry-mirror: invalid value'],
    [['--insecure-registry', 'http://reg'], '--insecure-registry: invalid value "http://reg"'],
    [['--registry-addr', '0.0.0.0:5000', '--registry-users', '/u'], '--registry-addr: invalid value "0.0.0.0:5000"'],
    [['--registry-addr', '0.0.0.0:5000', '--registry-insecure', 'true'], '--registry-addr: invalid value'],
    [['--registry-addr', '127.0.0.1:5000', '--registry-cert', '/c'], '--registry-cert: invalid value "/c"'],
    [['--registry-host', 'http://a'], '--registry-host: invalid value "http://a"'],
    [['--registry-insecure', 'yes'], '--registry-insecure: invalid value "yes"'],
    [['--image-gc-high', '100'], '--image-gc-high: invalid value "100"'],
    [['--image-gc-high', '85%'], '--image-gc-high: invalid value "85%"'],
    [['--log-level', 'loud'], '--log-level: invalid value "loud"'],
    [['--store', 'redis://h'], '--store: invalid store "redis://h"'],
    [['--store', 'etcds://h'], '--store: a store etcds:// needs --store-ca'],
    [['--store-ca', '/ca'], 'need a store etcds://'],
    [['--store', 'etcds://h', '--store-ca', 'ca'], '--store-ca: invalid value "ca"'],
  ])('refuse %j', (argv, message) => {
    expect(() => load(argv)).toThrow(message);
  });

  it.each(['192.0.2.1', '192.0.2.1:2378', '[2001:db8::1]:2378', '2001:db8::1'])('advertise %s', (address) => {
    expect(load(['--advertise-addr', address]).advertiseAddr).toBe(address);
  });

  it('need the file that they name', () => {
    expect(() => loadOptions(['--config', join(directory, 'missing')], {}, '1')).toThrow(
      'cannot read the configuration file',
    );
    expect(() => loadOptions([], { GANTRY_CONFIG: join(directory, 'missing') }, '1')).toThrow('cannot read');
  });

  it('name the line of a bad value in the file', () => {
    expect(() => load([], {}, '{\n  "name": "ok",\n  "log-level": "loud"\n}')).toThrow(
      `${file}:3: log-level: invalid value "loud"`,
    );
  });
});

describe('gantryd.json', () => {
  it.each([
    ['{\n"colour": "red"}', 'f:2: unknown key "colour"'],
    ['{\n\n"name": 5}', 'f:3: "name" must be a string'],
    ['{"host": [1]}', 'f:1: "host" must be a string or a list of strings'],
    ['{"name": ["a"]}', 'f:1: "name" must be a string'],
    ['[]', 'f:1: the file must hold one JSON object'],
    ['{"name": "a",\n"name": "b"}', 'f:2: Map keys must be unique'],
    ['{"name": ', 'f:1: '],
  ])('%j is refused', (text, message) => {
    expect(() => parseConfigFile('f', text)).toThrow(message);
  });

  it('may be empty', () => {
    expect(parseConfigFile('f', '')).toEqual({});
    expect(parseConfigFile('f', '{}')).toEqual({});
  });
});
