/** A manager's metrics, if it is to have any. */
import type { Logger } from 'pino';
import { errorLine, toGantryError } from '../../proto/errors.ts';
import type { MetricsServer } from '../../proto/metrics/server.ts';
import { type ManagerMetrics, NO_METRICS } from './manager-metrics.ts';

export interface OpenedMetrics {
  readonly metrics: ManagerMetrics;
  close(): Promise<void>;
}

/** As gantryd's user knows it, to whom messages are. */
const OPTION = '--manager-metrics-addr';

/**
 * `address`: IP:PORT, or empty for none. Never rejects: a port that somebody else holds is no reason for a cluster to be
 * without a manager.
 */
export async function openMetrics(address: string, logger: Logger): Promise<OpenedMetrics> {
  if (address === '') return { metrics: NO_METRICS, close: async () => undefined };
  try {
    const { metrics, server } = await serve(address, logger);
    logger.info({ address }, 'serving metrics');
    return { metrics, close: () => server.close() };
  } catch (thrown) {
    const error = toGantryError(thrown);
    logger.error({ err: error, hint: error.hint }, `going on without metrics: ${errorLine(error)}`);
    return { metrics: NO_METRICS, close: async () => undefined };
  }
}

async function serve(
  address: string,
  logger: Logger,
): Promise<{ readonly metrics: ManagerMetrics; readonly server: MetricsServer }> {
  const [{ PrometheusMetrics }, { serveMetrics }] = await Promise.all([
    import('./prometheus-metrics.ts'),
    import('../../proto/metrics/server.ts'),
  ]);
  const metrics = new PrometheusMetrics((error) => logger.warn({ err: error }, 'metrics could not be shown'));
  return { metrics, server: await serveMetrics(address, OPTION, metrics) };
}
