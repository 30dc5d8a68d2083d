/** The one object of its kind. */
import { GantryError } from '../../proto/errors.ts';
import type { ClusterObject } from './cluster.ts';
import type { ReadTransaction } from './tables.ts';

/** UNAVAILABLE in the moment before the first leader has made it. */
export function theCluster(read: ReadTransaction): ClusterObject {
  const [cluster] = read.find('cluster', { by: 'all' });
  if (cluster === undefined) throw new GantryError('UNAVAILABLE', 'the cluster is being set up');
  return cluster;
}
