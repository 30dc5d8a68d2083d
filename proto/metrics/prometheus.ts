/** Prometheus' side of metrics. Imported only by what is itself imported when somebody wants metrics. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Reading } from './reading.ts';

/** With what all processes of Node show: CPU, memory, file descriptors, delay of the event loop, garbage collection. */
export function newRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export function addReadings(registry: Registry, readings: readonly Reading[]): void {
  for (const { name, help, labels, read } of readings) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect: async () => {
        const samples = await read();
        // In one go with the setting: of two scrapes at once neither sees the other's half.
        gauge.reset();
        // One without labels would be 0 where it has no value.
        if (samples.length === 0 && labels.length === 0) gauge.remove();
        for (const sample of samples) gauge.set(sample.labels, sample.value);
      },
    });
  }
}
