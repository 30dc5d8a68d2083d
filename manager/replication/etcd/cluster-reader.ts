/** Who leads and who is there: first as it is, then after each change. */
import { type ClusterView, viewOf, withEvents } from './cluster-view.ts';
import type { EtcdConnection } from './connection.ts';
import type { Keys } from './keys.ts';

/** Without end; throws UNAVAILABLE when the stream breaks. */
export async function* readCluster(
  connection: EtcdConnection,
  keys: Keys,
  signal: AbortSignal,
): AsyncGenerator<ClusterView> {
  const { kvs, header } = await connection.range(keys.cluster);
  let view = viewOf(keys, kvs, Number(header.revision));
  yield view;
  for await (const { events } of connection.watch(keys.cluster, Number(header.revision) + 1, signal)) {
    view = withEvents(keys, view, events);
    yield view;
  }
}
