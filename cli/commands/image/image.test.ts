/** What the commands about images and disk use print. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import {
  ContainerStatus,
  DiskUsageResponse,
  Image,
  ImageHistoryEntry,
  type PruneRequest,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { unaryMethod } from '../../../proto/server.ts';
import { FakeDaemon, runCli } from '../../fake-daemon.testing.ts';

const NOW_MS = Date.parse('2025-01-01T12:00:00Z');
const HOUR_MS = 3_600_000;

let daemon: FakeDaemon;
beforeEach(() => {
  daemon = new FakeDaemon();
});
afterEach(() => daemon.stop());

const run = (...argv: string[]) => runCli(daemon.host, argv, { nowMs: NOW_MS });

describe('history', () => {
  beforeEach(() => {
    const entries = [
      ImageHistoryEntry.fromPartial({
        id: `sha256:${'a'.repeat(64)}`,
        createdAtMs: NOW_MS - 2 * HOUR_MS,
        createdBy: `RUN /bin/sh -c echo\t${'x'.repeat(60)}`,
        sizeBytes: 1_234_567,
        comment: 'note',
      }),
      ImageHistoryEntry.fromPartial({ createdBy: 'ADD rootfs', sizeBytes: 10 }),
    ];
    return daemon.start({ imageHistory: unaryMethod(async () => ({ entries })) });
  });

  it.each([
    [
      [],
      'IMAGE          CREATED       CREATED BY                                      SIZE      COMMENT\n' +
        'aaaaaaaaaaaa   2 hours ago   RUN /bin/sh -c echo xxxxxxxxxxxxxxxxxxxxxxxx…   1.23MB    note\n' +
        '<missing>      N/A           ADD rootfs                                      10B       \n',
    ],
    [['-q'], 'aaaaaaaaaaaa\n<missing>\n'],
    [['-q', '--no-trunc'], `sha256:${'a'.repeat(64)}\n<missing>\n`],
    [['--human=false', '--format', '{{.CreatedSince}} {{.Size}}'], '2025-01-01T10:00:00Z 1234567\n 10\n'],
    [['--no-trunc', '--format', '{{len .CreatedBy}}'], '80\n10\n'],
  ])('with %j', async (flags, expected) => {
    expect(await run('history', ...flags, 'a')).toMatchObject({ exitCode: 0, stdout: expected });
  });
});

describe('a prune', () => {
  it.each([
    ['image', 'Deleted Images:\nuntagged: a:1\ndeleted: sha256:1\n\nTotal reclaimed space: 2.5kB\n'],
    ['builder', 'Deleted build cache objects:\nsha256:1\n\nTotal reclaimed space: 2.5kB\n'],
  ])('of %s says what is gone', async (noun, expected) => {
    const asked: PruneRequest[] = [];
    const prune = unaryMethod(async (request: PruneRequest) => {
      asked.push(request);
      return { untagged: ['a:1'], deleted: ['sha256:1'], reclaimedBytes: 2500 };
    });
    await daemon.start({ imagePrune: prune, buildCachePrune: prune });
    expect(await run(noun, 'prune', '-af', '--filter', 'until=1h')).toMatchObject({ exitCode: 0, stdout: expected });
    expect(asked).toEqual([{ all: true, filters: [`until=${(NOW_MS - HOUR_MS) / 1000}`], keepBytes: 0 }]);
  });

  it('of images that needn’t dangle is one of all', async () => {
    const asked: PruneRequest[] = [];
    const imagePrune = unaryMethod(async (request: PruneRequest) => {
      asked.push(request);
      return { untagged: [], deleted: [], reclaimedBytes: 0 };
    });
    await daemon.start({ imagePrune });
    for (const flags of [['dangling=false'], ['dangling=true', '--filter', 'label=a']])
      expect((await run('image', 'prune', '-f', '--filter', ...flags)).exitCode).toBe(0);
    expect(asked).toMatchObject([
      { all: true, filters: [] },
      { all: false, filters: ['label=a'] },
    ]);
  });

  it('asks first, and without anybody who could answer does nothing', async () => {
    await daemon.start({});
    expect(await run('image', 'prune')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('WARNING! This will remove all dangling images.'),
    });
    expect((await run('builder', 'prune', '-a')).stderr).toContain('This will remove all build cache');
  });

  it('takes its answer from a pipe', async () => {
    const imagePrune = unaryMethod(async () => ({ untagged: [], deleted: [], reclaimedBytes: 0 }));
    await daemon.start({ imagePrune });
    const answer = (text: string) => runCli(daemon.host, ['image', 'prune'], { input: Buffer.from(text) });
    expect(await answer('y\ny\n')).toMatchObject({ exitCode: 0, stdout: 'Total reclaimed space: 0B\n' });
    expect(await answer('n\n')).toMatchObject({ exitCode: 0, stdout: '' });
  });
});

describe('system df', () => {
  beforeEach(() => {
    const usage = DiskUsageResponse.fromPartial({
      imageBytes: 3000,
      images: [
        {
          image: { id: 'sha256:1', tags: ['a:1'], sizeBytes: 1500 },
          sharedBytes: 1000,
          uniqueBytes: 500,
          containers: 2,
        },
        { image: { id: 'sha256:2' }, sharedBytes: 1000, uniqueBytes: 1500 },
      ],
      containers: [
        { container: { id: 'c1', name: 'one', state: { status: ContainerStatus.RUNNING } }, writableBytes: 300 },
        {
          container: { id: 'c2', name: 'two', state: { status: ContainerStatus.EXITED } },
          writableBytes: 100,
          volumes: 1,
        },
      ],
      volumes: [
        { volume: { name: 'used' }, sizeBytes: 40, links: 1 },
        { volume: { name: 'idle' }, sizeBytes: 60 },
        { volume: { name: 'far' }, sizeBytes: -1, links: 1 },
      ],
      buildCache: [
        { id: 'k1', sizeBytes: 700, createdAtMs: NOW_MS - HOUR_MS, usedAtMs: NOW_MS - HOUR_MS, uses: 3 },
        { id: 'k2', sizeBytes: 500, createdAtMs: NOW_MS - HOUR_MS, usedAtMs: NOW_MS - HOUR_MS, shared: true },
      ],
    });
    return daemon.start({ diskUsage: unaryMethod(async () => usage) });
  });

  it('sums up by kind', async () => {
    expect((await run('system', 'df')).stdout).toBe(
      'TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n' +
        'Images          2         1         3kB       2.5kB (83%)\n' +
        'Containers      2         1         400B      100B (25%)\n' +
        'Local Volumes   3         2         100B      60B (60%)\n' +
        'Build Cache     2         0         700B      700B\n',
    );
    expect((await run('system', 'df', '--format', '{{.Type}}={{.TotalCount}}')).stdout).toContain('Build Cache=2\n');
  });

  it('shows each with -v', async () => {
    const { stdout } = await run('system', 'df', '-v');
    for (const line of [
      /^a +1 +1 +.* 1.5kB +1kB +500B +2$/m,
      /^c2 .* 1 +100B .* two$/m,
      /^far +1 +N\/A$/m,
      /^k1 +regular +700B +About an hour ago +About an hour ago +3 +false$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect((await run('system', 'df', '-v', '--format', 'json')).exitCode).toBe(125);
  });
});

describe('rmi', () => {
  it('tells of images that are missing, which with -f is no failure', async () => {
    await daemon.start({
      imageRemove: unaryMethod(async () => {
        throw new GantryError('IMAGE_NOT_FOUND', 'No such image: a');
      }),
    });
    const stderr = expect.stringContaining('No such image: a');
    expect(await run('rmi', 'a')).toMatchObject({ exitCode: 1, stdout: '', stderr });
    expect(await run('rmi', '-f', 'a')).toMatchObject({ exitCode: 0, stdout: '', stderr });
  });
});

describe('images', () => {
  it('sends the second that a filter means, and shows digests and ids in full', async () => {
    const asked: string[][] = [];
    const digest = `sha256:${'b'.repeat(64)}`;
    const image = Image.fromPartial({
      id: digest,
      tags: ['a:1', 'a:2'],
      digests: [`a@${digest}`],
      createdAtMs: NOW_MS,
    });
    const imageList = unaryMethod(async ({ filters }: { filters: string[] }) => {
      asked.push(filters);
      return { images: [image] };
    });
    await daemon.start({ imageList });
    expect((await run('images', '-f', 'until=30m', '-q', '--no-trunc')).stdout).toBe(`${digest}\n`);
    expect(asked).toEqual([[`until=${(NOW_MS - HOUR_MS / 2) / 1000}`]]);
    expect((await run('images', '--digests', '--format', 'table {{.Tag}} {{.Digest}}', 'a')).stdout).toBe(
      `TAG DIGEST\n1 ${digest}\n2 ${digest}\n`,
    );
    expect((await run('images', '-q', '--format', '{{.Tag}}')).stdout).toBe('1\n2\n');
    expect(await run('images', '-f', 'dangling')).toMatchObject({ exitCode: 125, stdout: '' });
  });
});
