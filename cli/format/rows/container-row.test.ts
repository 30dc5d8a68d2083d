import { describe, expect, it } from 'vitest';
import { Container, ContainerState, ContainerStatus, HealthStatus } from '../../../proto/generated/gantry/v1/engine.ts';
import { renderListing } from '../listing.ts';
import { CONTAINER_LISTING, containerRow, statusText } from './container-row.ts';

const NOW = 1_000_000_000;
const SECOND = 1000;

describe('statusText', () => {
  it.each<[Partial<ContainerState>, string]>([
    [{ status: ContainerStatus.CREATED }, 'Created'],
    [{ status: ContainerStatus.RUNNING, startedAtMs: NOW - 2 * 3600 * SECOND }, 'Up 2 hours'],
    [
      { status: ContainerStatus.RUNNING, startedAtMs: NOW - 2 * 3600 * SECOND, health: HealthStatus.HEALTHY },
      'Up 2 hours (healthy)',
    ],
    [
      { status: ContainerStatus.RUNNING, startedAtMs: NOW - 90 * SECOND, health: HealthStatus.STARTING },
      'Up About a minute (health: starting)',
    ],
    [{ status: ContainerStatus.PAUSED, startedAtMs: NOW - 5 * SECOND }, 'Up 5 seconds (Paused)'],
    [
      { status: ContainerStatus.EXITED, exitCode: 137, startedAtMs: 1, finishedAtMs: NOW - 3 * SECOND },
      'Exited (137) 3 seconds ago',
    ],
    [
      { status: ContainerStatus.RESTARTING, exitCode: 1, finishedAtMs: NOW - 100 },
      'Restarting (1) Less than a second ago',
    ],
    [{ status: ContainerStatus.REMOVING }, 'Removal In Progress'],
    [{ status: ContainerStatus.DEAD }, 'Dead'],
  ])('%j', (state, expected) => {
    expect(statusText(ContainerState.create(state), NOW)).toBe(expected);
  });
});

describe('the list of containers', () => {
  const container = Container.fromPartial({
    id: 'abcdef0123456789'.repeat(4),
    name: 'web',
    createdAtMs: NOW - 60 * SECOND,
    argv: ['/bin/sh', '-c', 'while true; do sleep 1; done'],
    config: { spec: { image: 'busybox:latest', labels: { a: '1', b: '2' } } },
    state: { status: ContainerStatus.RUNNING, startedAtMs: NOW - 59 * SECOND },
    networks: [{ networkName: 'bridge' }],
    ports: [{ targetPort: 80, publishedPort: 8080 }],
  });

  it("is docker ps's table", () => {
    const row = containerRow(container, { truncate: true, nowMs: NOW });
    expect(renderListing(CONTAINER_LISTING, [row], { format: undefined, quiet: false })).toBe(
      `${[
        'CONTAINER ID   IMAGE            COMMAND                  CREATED              STATUS          PORTS                  NAMES',
        'abcdef012345   busybox:latest   "/bin/sh -c while tr…"   About a minute ago   Up 59 seconds   0.0.0.0:8080->80/tcp   web',
      ].join('\n')}\n`,
    );
  });

  it('has whole ids and commands with --no-trunc', () => {
    const row = containerRow(container, { truncate: false, nowMs: NOW });
    expect(row.ID).toHaveLength(64);
    expect(row.Command).toBe('"/bin/sh -c while true; do sleep 1; done"');
  });

  it.each([
    ['{{.Label "b"}}|{{.Labels}}|{{.Networks}}|{{.State}}', '2|a=1,b=2|bridge|running\n'],
    ['{{json .Names}}', '"web"\n'],
  ])('by template %s', (format, expected) => {
    const row = containerRow(container, { truncate: true, nowMs: NOW });
    expect(renderListing(CONTAINER_LISTING, [row], { format, quiet: false })).toBe(expected);
  });
});
