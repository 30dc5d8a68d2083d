import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../proto/errors.ts';
import {
  type ConfigCreateRequest,
  type ConfigCreateResponse,
  StackDeployResponse,
} from '../proto/generated/gantry/v1/control.ts';
import {
  Container,
  type ContainerConfig,
  ContainerStatus,
  type ContainerStreamRequest,
  type ContainerStreamResponse,
  Image,
  ImageInspectResponse,
  LocalNetwork,
  LocalNetworkInspectResponse,
} from '../proto/generated/gantry/v1/engine.ts';
import { bidiMethod, serverStreamMethod, unaryMethod } from '../proto/server.ts';
import { FakeDaemon, runCli, type Surroundings } from './fake-daemon.testing.ts';

let daemon: FakeDaemon;
let directory = '';

beforeEach(() => {
  daemon = new FakeDaemon();
  directory = mkdtempSync(join(tmpdir(), 'gantry-cli-test-'));
});

afterEach(() => {
  daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function gantry(methods: UntypedServiceImplementation, argv: string[], surroundings: Surroundings = {}) {
  await daemon.start(methods);
  return await runCli(daemon.host, argv, surroundings);
}

describe('without a daemon', () => {
  it('says so in one line, with what to do', async () => {
    const { exitCode, stderr } = await runCli('unix:///nonexistent/gantry.sock', ['ps']);
    expect(stderr).toBe(
      'gantry: cannot connect to gantryd at unix:///nonexistent/gantry.sock; is it running? start it with `npm start` or `gantryd`\n',
    );
    expect(exitCode).toBe(1);
  });

  it.each([
    [['run', 'x'], 125],
    [['exec', 'c', 'x'], 1],
    [['stack', 'ls'], 1],
  ])('%j ends with %d', async (argv, code) => {
    expect((await runCli('unix:///nonexistent/gantry.sock', argv)).exitCode).toBe(code);
  });

  it('prints its own version all the same', async () => {
    const { exitCode, stdout } = await runCli('unix:///nonexistent/gantry.sock', ['version']);
    expect(stdout).toContain('Client: Gantry');
    expect(exitCode).toBe(1);
  });

  it('refuses an address that is none', async () => {
    expect((await runCli('nonsense', ['ps'])).stderr).toContain(
      'gantry: invalid address "nonsense"; write unix:///PATH',
    );
  });
});

describe('secret create and config create', () => {
  function recording() {
    const requests: ConfigCreateRequest[] = [];
    const create = unaryMethod<ConfigCreateRequest, ConfigCreateResponse>(async (request) => {
      requests.push(request);
      return { id: 'id1' };
    });
    return { requests, methods: { configCreate: create, secretCreate: create } };
  }

  it('send a file, or standard input, with labels and template driver, and print the id', async () => {
    const { requests, methods } = recording();
    writeFileSync(join(directory, 'app.conf'), 'on {{.Node.ID}}');
    const argv = ['config', 'create', '--template-driver', 'golang', '-l', 'a=b', 'app', 'app.conf'];
    expect(await gantry(methods, argv, { cwd: directory })).toMatchObject({ exitCode: 0, stdout: 'id1\n' });
    expect(
      await runCli(daemon.host, ['secret', 'create', 'key', '-'], { input: Buffer.from([0xff, 0]) }),
    ).toMatchObject({
      exitCode: 0,
    });
    expect(requests.map(({ spec }) => spec)).toEqual([
      {
        annotations: { name: 'app', labels: { a: 'b' } },
        data: Buffer.from('on {{.Node.ID}}'),
        templateDriver: 'golang',
      },
      { annotations: { name: 'key', labels: {} }, data: Buffer.from([0xff, 0]), templateDriver: '' },
    ]);
  });

  it.each([
    ['one\n{{.Foo}}', /^gantry: app\.conf:2: bad template: <\.Foo>: there is no field Foo; .*mend it/],
    [Buffer.from([0xff]), /^gantry: app\.conf: a template must be UTF-8 text; /],
  ])('refuse the template %j with file and line', async (content, message) => {
    const { requests, methods } = recording();
    writeFileSync(join(directory, 'app.conf'), content);
    const argv = ['config', 'create', '--template-driver', 'golang', 'app', 'app.conf'];
    const { exitCode, stderr } = await gantry(methods, argv, { cwd: directory });
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(1);
    expect(requests).toEqual([]);
  });
});

describe('wrong command lines', () => {
  it.each([
    [['pss'], 1, 'gantry: "gantry pss" is not a command; did you mean "gantry ps"?\n'],
    [['search', 'x'], 1, /^gantry: "gantry search" is not supported yet; look for it/],
    [['ps', '--fromat', 'x'], 125, 'gantry: unknown flag: --fromat; did you mean --format?\n'],
    [['run'], 1, "gantry: missing required argument 'image'; see 'gantry run --help'\n"],
    [['run', '--isolation', 'hyperv', 'x'], 125, 'gantry: --isolation is not supported yet; leave it out\n'],
    [
      ['run', '-d', '-a', 'stdout', 'x'],
      125,
      'gantry: conflicting options: cannot specify both --attach and --detach\n',
    ],
    [
      ['run', '-m', 'much', 'x'],
      125,
      'gantry: invalid argument "much" for --memory; write a size such as 512m or 2g\n',
    ],
    [
      ['run', '--rm', '--restart', 'always', 'x'],
      125,
      'gantry: conflicting options: cannot specify both --restart and --rm\n',
    ],
    [['ps', '--size'], 125, 'gantry: --size is not supported yet; look at the data root with du\n'],
    [['ps', 'x'], 1, /^gantry: too many arguments/],
    [['system', 'stop'], 1, /nobody can answer; use -f to go on without asking\n$/],
    [['service', 'scale', 'web'], 1, 'gantry: invalid scale "web"; write SERVICE=NUMBER, such as shop_web=3\n'],
  ])('%j', async (argv, code, message) => {
    const { exitCode, stderr, stdout } = await gantry({}, argv);
    expect(stderr).toMatch(message);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
  });
});

describe('help', () => {
  it.each([[['--help']], [['help']], [[]]])('%j is about the program', async (argv) => {
    const { exitCode, stdout } = await gantry({}, argv);
    expect(stdout).toContain('Usage:  gantry [OPTIONS] COMMAND');
    expect(exitCode).toBe(0);
  });

  it('of a noun lists its commands', async () => {
    const { stdout } = await gantry({}, ['swarm']);
    expect(stdout).toContain('Usage:  gantry cluster COMMAND');
    expect(stdout).toContain('Aliases:  cluster, swarm');
  });
});

const WEB = Container.fromPartial({
  id: 'ab'.repeat(32),
  name: 'web',
  imageId: 'sha256:11',
  argv: ['sleep', '1'],
  config: { spec: { image: 'bb:1', labels: { tier: 'front' } } },
  createdAtMs: 1_000,
  state: { status: ContainerStatus.RUNNING, startedAtMs: 2_000, pid: 42 },
});

describe('ps', () => {
  const asked: { all: boolean; filters: string[] }[] = [];
  const methods = {
    containerList: unaryMethod(async (request: { all: boolean; filters: string[] }) => {
      asked.push(request);
      return { containers: [WEB] };
    }),
  };

  beforeEach(() => {
    asked.length = 0;
  });

  it('prints the table', async () => {
    const { stdout } = await gantry(methods, ['ps'], { nowMs: 7_000 });
    expect(stdout).toBe(
      'CONTAINER ID   IMAGE     COMMAND     CREATED         STATUS         PORTS     NAMES\n' +
        'abababababab   bb:1      "sleep 1"   6 seconds ago   Up 5 seconds             web\n',
    );
  });

  it.each([
    [['ps', '-aq'], `${'ab'.repeat(6)}\n`],
    [['container', 'ls', '-q', '--no-trunc'], `${'ab'.repeat(32)}\n`],
    [['ps', '--format', '{{.ID}}: {{.Names}} {{.Label "tier"}}'], 'abababababab: web front\n'],
    [['ps', '--no-trunc=true', '--quiet=false', '--format={{.Names}}'], 'web\n'],
  ])('%j', async (argv, expected) => {
    expect((await gantry(methods, argv)).stdout).toBe(expected);
  });

  it('passes filters on', async () => {
    await gantry(methods, ['ps', '-a', '-f', 'status=exited', '--filter', 'name=w']);
    expect(asked).toEqual([{ all: true, filters: ['status=exited', 'name=w'] }]);
  });

  it('says what is wrong with a template', async () => {
    const { exitCode, stderr } = await gantry(methods, ['ps', '--format', '{{.Nope}}']);
    expect(stderr).toMatch(/^gantry: template parsing error: template: :1:3: executing "" at <.Nope>/);
    expect(exitCode).toBe(1);
  });
});

type StreamMessage = NonNullable<ContainerStreamResponse['message']>;
type Requests = AsyncIterable<ContainerStreamRequest>;

/** A process that says something and ends; what it was started with goes to `configs`. */
function scripted(configs: ContainerConfig[], ...messages: StreamMessage[]) {
  return bidiMethod(async function* (requests: Requests) {
    for await (const { message } of requests) {
      if (message?.$case === 'run' && message.value.config !== undefined) configs.push(message.value.config);
      break;
    }
    for (const message of messages) yield { message };
  });
}

/** A process like cat: it ends when its input does. */
const isThere = unaryMethod(async () => ImageInspectResponse.fromPartial({ image: { id: 'sha256:1' } }));

const cat = bidiMethod(async function* (requests: Requests): AsyncGenerator<ContainerStreamResponse> {
  for await (const { message } of requests) {
    if (message?.$case === 'stdin') yield { message: { $case: 'stdout', value: message.value } };
    if (message?.$case === 'stdinEnd') break;
  }
  yield { message: { $case: 'exitCode', value: 0 } };
});

describe('run in the foreground', () => {
  it('passes output, errors and the exit code through', async () => {
    const containerRun = scripted(
      [],
      { $case: 'started', value: 'id1' },
      { $case: 'stdout', value: Buffer.from('out\n') },
      { $case: 'stderr', value: Buffer.from('err\n') },
      { $case: 'exitCode', value: 42 },
    );
    const cidfile = join(directory, 'cid');
    const finished = await gantry({ containerRun }, ['run', '--cidfile', cidfile, 'bb:1', 'sh', '-c', 'x']);
    expect(finished).toMatchObject({ exitCode: 42, stdout: 'out\n', stderr: 'err\n' });
    expect(readFileSync(cidfile, 'utf8')).toBe('id1');
  });

  it('carries input and output byte for byte', async () => {
    const input = randomBytes(5_000_000);
    const { bytes, exitCode } = await gantry(
      { containerRun: cat, imageInspect: isThere },
      ['run', '-i', '--rm', 'bb:1', 'cat'],
      { input },
    );
    expect(exitCode).toBe(0);
    expect(bytes.equals(input)).toBe(true);
  });

  it.each([
    ['COMMAND_NOT_FOUND', 127],
    ['COMMAND_NOT_RUNNABLE', 126],
    ['IMAGE_NOT_FOUND', 125],
    ['INTERNAL', 125],
  ] as const)('refused with %s ends with %d', async (code, exitCode) => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything to say
    const containerRun = bidiMethod(async function* (): AsyncGenerator<ContainerStreamResponse> {
      throw new GantryError(code, 'no such thing', { hint: 'do another' });
    });
    const finished = await gantry({ containerRun }, ['run', '--pull', 'never', 'bb:1', 'x']);
    expect(finished).toMatchObject({ exitCode, stderr: 'gantry: no such thing; do another\n' });
  });

  it('needs a terminal for one', async () => {
    const { exitCode, stderr } = await gantry({ containerRun: cat }, ['run', '-it', 'bb:1']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'gantry: the input device is not a TTY; leave out -t\n',
    });
  });

  it('takes everything behind the image for the command', async () => {
    const configs: ContainerConfig[] = [];
    const containerRun = scripted(configs, { $case: 'exitCode', value: 0 });
    await gantry({ containerRun }, ['run', '--rm', 'bb:1', 'ls', '--rm=false', '-it', '--', '-x']);
    expect(configs[0]?.spec?.command).toEqual({ items: ['ls', '--rm=false', '-it', '--', '-x'] });
    expect(configs[0]?.spec?.tty).toBe(false);
  });

  it('asks for what the options say', async () => {
    const configs: ContainerConfig[] = [];
    const containerRun = scripted(configs, { $case: 'exitCode', value: 0 });
    writeFileSync(join(directory, 'env'), 'A=file\nB=file\n');
    const argv =
      'run --rm -i --name=n -e A=1 -eHOME --env-file env -u 1:2 -w /w -h host -m 64m --cpus 1.5 --pids-limit 10 -p 8080:80 -v vol:/v ' +
      '--tmpfs /t --net web --network-alias w --cap-add NET_ADMIN --security-opt no-new-privileges --entrypoint= --init ' +
      '--stop-timeout 3 --health-cmd true --health-interval 1m30s --ulimit nofile=5 --log-opt max-size=1m --label a=b bb:1 x';
    const words = argv.replace('--env-file env', `--env-file ${join(directory, 'env')}`).split(' ');
    await gantry({ containerRun, imageInspect: isThere }, words, { env: { HOME: '/h' } });
    expect(configs[0]).toMatchObject({
      name: 'n',
      autoRemove: true,
      limits: { memoryBytes: 64 << 20, nanoCpus: 1_500_000_000, pids: 10 },
      networks: [{ target: 'web', aliases: ['w'] }],
      ports: [{ targetPort: 80, publishedPort: 8080 }],
      log: { maxSizeBytes: 1 << 20 },
      spec: {
        image: 'bb:1',
        entrypoint: { items: [] },
        command: { items: ['x'] },
        env: ['A=1', 'B=file', 'HOME=/h'],
        user: '1:2',
        dir: '/w',
        hostname: 'host',
        openStdin: true,
        init: true,
        capAdd: ['NET_ADMIN'],
        noNewPrivileges: true,
        stopGracePeriodMs: 3000,
        healthcheck: { test: ['CMD-SHELL', 'true'], intervalMs: 90_000 },
        ulimits: [{ name: 'nofile', soft: 5, hard: 5 }],
        labels: { a: 'b' },
        mounts: [{ target: '/v' }, { target: '/t' }],
      },
    });
  });
});

describe('run in the background', () => {
  it('prints the id once it runs', async () => {
    const calls: string[] = [];
    const finished = await gantry(
      {
        containerCreate: unaryMethod(async () => ({ id: 'id1', warnings: ['be careful'] })),
        containerStart: unaryMethod(async ({ reference }: { reference: string }) => {
          calls.push(reference);
          return {};
        }),
      },
      ['run', '-d', 'bb:1'],
    );
    expect(finished).toMatchObject({ exitCode: 0, stdout: 'id1\n', stderr: 'gantry: warning: be careful\n' });
    expect(calls).toEqual(['id1']);
  });
});

describe('exec', () => {
  it.each([
    ['COMMAND_NOT_FOUND', 127],
    ['COMMAND_NOT_RUNNABLE', 126],
    ['NOT_FOUND', 1],
  ] as const)('refused with %s ends with %d', async (code, exitCode) => {
    // biome-ignore lint/correctness/useYield: it fails before it has anything to say
    const containerExec = bidiMethod(async function* (): AsyncGenerator<ContainerStreamResponse> {
      throw new GantryError(code, 'no such thing');
    });
    expect((await gantry({ containerExec }, ['exec', 'web', 'x'])).exitCode).toBe(exitCode);
  });

  it('does not wait with -d', async () => {
    const containerExec = scripted([], { $case: 'started', value: 'web' });
    expect(await gantry({ containerExec }, ['exec', '-d', 'web', 'x'])).toMatchObject({ exitCode: 0, stdout: '' });
  });
});

describe('commands about several objects', () => {
  const containerStop = unaryMethod(async ({ reference }: { reference: string }) => {
    if (reference === 'gone') throw new GantryError('NOT_FOUND', 'no such container: gone');
    return {};
  });

  it('do what they can and fail at the end', async () => {
    const finished = await gantry({ containerStop }, ['stop', 'a', 'gone', 'b']);
    expect(finished).toMatchObject({ exitCode: 1, stdout: 'a\nb\n', stderr: 'gantry: no such container: gone\n' });
  });

  it('rm -f takes a missing one for removed', async () => {
    const containerRemove = unaryMethod(async () => {
      throw new GantryError('NOT_FOUND', 'no such container');
    });
    expect(await gantry({ containerRemove }, ['rm', '-f', 'x'])).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  });
});

describe('inspect', () => {
  const methods = {
    containerInspect: unaryMethod(async ({ reference }: { reference: string }) => {
      if (reference !== 'web') throw new GantryError('NOT_FOUND', 'no such container');
      return { container: WEB };
    }),
    imageInspect: unaryMethod(async ({ reference }: { reference: string }) => {
      if (reference !== 'bb:1') throw new GantryError('IMAGE_NOT_FOUND', 'no such image');
      return { image: Image.fromPartial({ id: 'sha256:11', tags: ['bb:1'] }) };
    }),
    localNetworkList: unaryMethod(async () => ({
      networks: [LocalNetwork.fromPartial({ id: 'ab12', name: 'front', subnet: '10.1.0.0/24' })],
    })),
    localNetworkInspect: unaryMethod(async () =>
      LocalNetworkInspectResponse.fromPartial({ endpoints: [{ containerName: 'web' }] }),
    ),
    networkList: unaryMethod(async () => {
      throw new GantryError('NOT_IN_CLUSTER', 'not in a cluster');
    }),
    serviceList: unaryMethod(async () => {
      throw new GantryError('NOT_IN_CLUSTER', 'not in a cluster');
    }),
  };

  it('finds networks by name or the beginning of their id', async () => {
    const format = '{{.Name}} {{range .Containers}}{{.Name}}{{end}} {{json .IPAM.Config}}';
    const line = 'front web [{"Subnet":"10.1.0.0/24","Gateway":""}]\n';
    expect((await gantry(methods, ['network', 'inspect', '-f', format, 'front', 'ab'])).stdout).toBe(line + line);
  });

  it('says of a network that it isn’t there', async () => {
    expect(await gantry(methods, ['network', 'inspect', 'nope'])).toMatchObject({
      exitCode: 1,
      stdout: '[]\n',
      stderr: 'gantry: no such network: nope\n',
    });
  });

  it('finds containers and images, and names what it does not find', async () => {
    const finished = await gantry(methods, ['inspect', '-f', '{{.Id}}', 'web', 'nope', 'bb:1']);
    expect(finished).toMatchObject({
      exitCode: 1,
      stdout: `${WEB.id}\nsha256:11\n`,
      stderr: 'gantry: no such object: nope\n',
    });
  });

  it.each([
    ['{{.State.Pid}} {{.State.Status}} {{.Config.Image}} {{.Name}}', '42 running bb:1 /web\n'],
    ['{{index .Config.Labels "tier"}}', 'front\n'],
    ['{{json .NetworkSettings.Networks}}', '{}\n'],
  ])('container by %s', async (format, expected) => {
    expect((await gantry(methods, ['container', 'inspect', '--format', format, 'web'])).stdout).toBe(expected);
  });

  it('of one type looks for that alone', async () => {
    const finished = await gantry(methods, ['inspect', '--type', 'image', 'web']);
    expect(finished).toMatchObject({ exitCode: 1, stdout: '[]\n', stderr: 'gantry: no such image: web\n' });
  });
});

describe('logs', () => {
  it('keep the streams apart and the times when asked', async () => {
    const containerLogs = serverStreamMethod(async function* () {
      yield { timestampNs: '1762160700123456789', stream: 1, data: Buffer.from('one\n') };
      yield { timestampNs: '1762160700123456789', stream: 2, data: Buffer.from('two\n') };
    });
    const finished = await gantry({ containerLogs }, ['logs', '-t', 'web']);
    expect(finished.stdout).toBe('2025-11-03T09:05:00.123456789Z one\n');
    expect(finished.stderr).toBe('2025-11-03T09:05:00.123456789Z two\n');
  });
});

describe('stack deploy --detach', () => {
  const methods = {
    imageInspect: unaryMethod(async () => ImageInspectResponse.fromPartial({ image: { id: 'sha256:1' } })),
    stackDeploy: unaryMethod(async () => StackDeployResponse.fromPartial({})),
    nodeList: unaryMethod(async () => {
      throw new GantryError('WRONG_STATE', 'it waits');
    }),
  };

  it.each([
    [['-d', 'shop'], 0],
    [['--detach', 'shop'], 0],
    [['--detach=true', 'shop'], 0],
    [['shop', '-d=false'], 1],
  ])('%j', async (argv, exitCode) => {
    const file = join(directory, 'stack.yml');
    writeFileSync(file, 'services: {web: {image: web:1}}');
    const finished = await gantry(methods, ['stack', 'deploy', '-c', file, ...argv]);
    expect(finished).toMatchObject({ exitCode, stderr: exitCode === 0 ? '' : 'gantry: it waits\n' });
  });
});
