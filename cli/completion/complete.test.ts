import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeListResponse, ServiceListResponse } from '../../proto/generated/gantry/v1/control.ts';
import {
  ContainerListResponse,
  ImageListResponse,
  LocalNetworkListResponse,
  VolumeListResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import { unaryMethod } from '../../proto/server.ts';
import { newCommand } from '../command-line.ts';
import { COMMANDS } from '../commands/registry.ts';
import { FakeDaemon, runCli } from '../fake-daemon.testing.ts';
import { isKnownArgument } from './kinds.ts';

let daemon: FakeDaemon;
let directory = '';

beforeEach(() => {
  daemon = new FakeDaemon();
  directory = mkdtempSync(join(tmpdir(), 'gantry-completion-'));
});

afterEach(() => {
  daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

const answer = <Response>(response: Response) => unaryMethod<unknown, Response>(async () => response);

const METHODS: UntypedServiceImplementation = {
  containerList: answer(ContainerListResponse.fromPartial({ containers: [{ name: 'web-1' }, { name: 'db-1' }] })),
  imageList: answer(ImageListResponse.fromPartial({ images: [{ tags: ['busybox:latest', 'busybox:1'] }, {}] })),
  volumeList: answer(VolumeListResponse.fromPartial({ volumes: [{ name: 'data' }] })),
  localNetworkList: answer(LocalNetworkListResponse.fromPartial({ networks: [{ name: 'bridge' }] })),
  nodeList: answer(NodeListResponse.fromPartial({ nodes: [{ description: { hostname: 'n1' } }] })),
  serviceList: answer(
    ServiceListResponse.fromPartial({
      services: [
        {
          service: {
            spec: { annotations: { name: 'shop_web', labels: { 'com.docker.stack.namespace': 'shop' } } },
          },
        },
        { service: { spec: { annotations: { name: 'alone', labels: {} } } } },
      ],
    }),
  ),
};

/** The words that may come next; "FILES": names of files, too. */
async function offered(host: string, words: readonly string[]): Promise<string[]> {
  const { stdout, stderr, exitCode } = await runCli(host, ['__complete', ...words], { cwd: directory, env: {} });
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => (line === ':files\t' ? 'FILES' : (line.split('\t')[0] ?? '')));
}

const NO_DAEMON = 'unix:///nonexistent/gantry.sock';

describe('commands', () => {
  it.each<[string[], string[]]>([
    [['sta'], ['stack', 'start', 'stats']],
    [['comple'], ['completion']],
    [
      ['stack', 'r'],
      ['rm', 'rollback'],
    ],
    [
      ['swarm', 'jo'],
      ['join', 'join-token'],
    ],
    [
      ['completion', ''],
      ['bash', 'fish', 'zsh'],
    ],
    [
      ['node', 'update', '--role', ''],
      ['manager', 'worker'],
    ],
    [['node', 'update', '--role=m'], ['--role=manager']],
    [
      ['stack', 'config', '--format', ''],
      ['json', 'yaml'],
    ],
    [['stack', 'deploy', '-c', ''], ['FILES']],
    [['--tlscacert', ''], ['FILES']],
    [['--con'], ['--config', '--context']],
    [['no-such-command', ''], []],
    [['container', 'no-such-verb', ''], []],
    [['ps', 'x', ''], []],
    [['volume', 'ls', '--forma'], ['--format']],
    [['run', '--network', ''], []],
    [['stack', 'ls', '--no-such-flag', '--he'], ['--help']],
  ])('%j: %j', async (words, expected) => {
    expect(await offered(NO_DAEMON, words)).toEqual(expected);
  });

  it('say what they do', async () => {
    const { stdout } = await runCli(NO_DAEMON, ['__complete', 'stack', 'depl']);
    expect(stdout).toBe('deploy\tDeploy a stack from compose files, or update it\n');
  });

  it('aren’t offered flags that they have already, unless these may be given twice', async () => {
    expect(await offered(NO_DAEMON, ['stack', 'ls', '--format', 'json', '--f'])).toEqual([]);
    expect(await offered(NO_DAEMON, ['volume', 'ls', '--filter', 'a=b', '--fi'])).toEqual(['--filter']);
  });

  it('get no flags of gantry’s behind the command of a container', async () => {
    expect(await offered(NO_DAEMON, ['run', '--rm', 'busybox', 'ls', '--'])).toEqual([]);
  });
});

describe('names', () => {
  it.each<[string[], string[]]>([
    [
      ['stop', ''],
      ['db-1', 'web-1'],
    ],
    [['stop', 'web-1', ''], ['db-1']],
    [['container', 'exec', '-it', 'w'], ['web-1']],
    [
      ['logs', '--tail', '5', ''],
      ['db-1', 'web-1'],
    ],
    [
      ['rmi', 'busy'],
      ['busybox:1', 'busybox:latest'],
    ],
    [
      ['run', '-it', 'b'],
      ['busybox:1', 'busybox:latest'],
    ],
    [['volume', 'rm', ''], ['data']],
    [['run', '--network', ''], ['bridge']],
    [['run', '--network=br'], ['--network=bridge']],
    [['node', 'inspect', ''], ['n1']],
    [
      ['service', 'logs', ''],
      ['alone', 'shop_web'],
    ],
    [['service', 'scale', 'a'], ['alone=']],
    [['stack', 'ps', ''], ['shop']],
    [
      ['inspect', 'b'],
      ['bridge', 'busybox:1', 'busybox:latest'],
    ],
    [['context', 'use', ''], ['default']],
    [['--context', ''], ['default']],
  ])('%j: %j', async (words, expected) => {
    await daemon.start(METHODS);
    expect(await offered(daemon.host, words)).toEqual(expected);
  });

  it('are those of the daemon that is named on the line', async () => {
    await daemon.start(METHODS);
    expect(await offered(NO_DAEMON, ['-H', daemon.host, 'stop', ''])).toEqual(['db-1', 'web-1']);
  });

  it('are none, quickly and without a word, where there is no daemon', async () => {
    const start = performance.now();
    expect(await offered(NO_DAEMON, ['stop', ''])).toEqual([]);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

describe('services of compose files', () => {
  it('are those of the directory’s file, or of the one that is named', async () => {
    writeFileSync(join(directory, 'compose.yaml'), 'services: {web: {image: x}, db: {image: y, profiles: [p]}}');
    mkdirSync(join(directory, 'sub'));
    writeFileSync(join(directory, 'sub', 'c.yml'), 'services: {other: {image: x}}');
    expect(await offered(NO_DAEMON, ['compose', 'config', ''])).toEqual(['db', 'web']);
    expect(await offered(NO_DAEMON, ['stack', 'config', 'web', ''])).toEqual(['db']);
    expect(await offered(NO_DAEMON, ['compose', 'config', '-f', 'sub/c.yml', ''])).toEqual(['other']);
    expect(await offered(NO_DAEMON, ['compose', 'config', '--profile', ''])).toEqual(['p']);
    expect(await offered(NO_DAEMON, ['compose', 'logs', 'w'])).toEqual(['web']);
    expect(await offered(NO_DAEMON, ['compose', 'up', '--scale', 'w'])).toEqual(['web=']);
    expect(await offered(NO_DAEMON, ['compose', '-f', 'sub/c.yml', '-p', 'x', 'stop', ''])).toEqual(['other']);
    expect(await offered(NO_DAEMON, ['compose', '--profile', ''])).toEqual(['p']);
    expect(await offered(NO_DAEMON, ['compose', '-f', ''])).toEqual(['FILES']);
    expect(await offered(NO_DAEMON, ['compose', '-f', 'sub/c.yml', 'conf'])).toEqual(['config']);
    expect(await offered(NO_DAEMON, ['compose', '--prof'])).toEqual(['--profile']);
  });

  it('are none where there is no file, or a broken one', async () => {
    expect(await offered(NO_DAEMON, ['compose', 'config', ''])).toEqual([]);
    writeFileSync(join(directory, 'compose.yaml'), 'services: [');
    expect(await offered(NO_DAEMON, ['compose', 'config', ''])).toEqual([]);
  });
});

describe('every command', () => {
  it.each(COMMANDS.map((entry) => [entry.names[0], entry] as const))(
    '%s has arguments of known kinds',
    async (_, entry) => {
      const command = newCommand(entry.names[0], entry.summary);
      (await entry.load()).define(command, { env: {}, cwd: '/' } as never);
      const names = command.registeredArguments.map((argument) => argument.name());
      expect(names.filter((name) => !isKnownArgument(name))).toEqual([]);
    },
  );
});
