import { describe, expect, it } from 'vitest';
import { Container } from '../../proto/generated/gantry/v1/engine.ts';
import type { Usage } from '../usage/usage.ts';
import { renderUsage } from './container-metrics.ts';

const USAGE: Usage = {
  cpu: { totalSeconds: 3.5, userSeconds: 2, systemSeconds: 1.5, periods: 0, throttledPeriods: 0, throttledSeconds: 0 },
  memory: {
    usedBytes: 9000,
    workingSetBytes: 8000,
    anonymousBytes: 5000,
    cacheBytes: 3000,
    limitBytes: 65536,
    oomKills: 1,
  },
  blockIo: { read: 11, written: 22 },
  tasks: { current: 7, limit: 0 },
  interfaces: [{ name: 'eth0', received: 5000, sent: 7000 }],
};

const TASK = Container.fromPartial({
  id: 'c0ffee',
  name: 'shop_web.1.t1',
  taskId: 't1',
  state: { startedAtMs: 1500, restartCount: 2 },
  config: {
    spec: {
      image: 'web:1',
      labels: { 'com.docker.swarm.service.name': 'shop_web', 'com.docker.stack.namespace': 'shop', other: 'x' },
    },
  },
});
const LABELS =
  'id="/gantry/c0ffee",name="shop_web.1.t1",image="web:1",container_label_com_docker_swarm_service_name="shop_web",container_label_com_docker_swarm_task_id="t1",container_label_com_docker_stack_namespace="shop"';

describe('the usage of containers', () => {
  it("is shown by cAdvisor's names, with whose it is", async () => {
    const lines = (await renderUsage([{ container: TASK, usage: USAGE }])).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '# TYPE container_cpu_usage_seconds_total counter',
        `container_cpu_usage_seconds_total{${LABELS},cpu="total"} 3.5`,
        '# TYPE container_memory_working_set_bytes gauge',
        `container_memory_working_set_bytes{${LABELS}} 8000`,
        `container_spec_memory_limit_bytes{${LABELS}} 65536`,
        `container_oom_events_total{${LABELS}} 1`,
        `container_network_receive_bytes_total{${LABELS},interface="eth0"} 5000`,
        `container_network_transmit_bytes_total{${LABELS},interface="eth0"} 7000`,
        `container_fs_writes_bytes_total{${LABELS}} 22`,
        `container_threads{${LABELS}} 7`,
        `container_start_time_seconds{${LABELS}} 1.5`,
        `gantry_agent_container_restarts_total{${LABELS}} 2`,
      ]),
    );
  });

  it('names each family once, has no empty labels, and escapes the others', async () => {
    const plain = Container.fromPartial({ id: 'b', name: 'p', config: { spec: { image: 'a"b\\c\nd' } } });
    const text = await renderUsage([
      { container: TASK, usage: USAGE },
      { container: plain, usage: { ...USAGE, memory: undefined, interfaces: [] } },
    ]);
    expect(text.match(/^# TYPE container_threads /gm)).toHaveLength(1);
    expect(text).toContain('container_threads{id="/gantry/b",name="p",image="a\\"b\\\\c\\nd"} 7\n');
    expect(text.match(/^container_memory_rss/gm)).toHaveLength(1);
  });

  it('is nothing where nothing runs', async () => {
    expect(await renderUsage([])).toBe('');
  });
});
