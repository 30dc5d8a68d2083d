/** Where a node's images are to be had by other nodes: the port after the one that it is advertised at. */
export function imagePort(clusterPort: number): number {
  return clusterPort === MOST_PORT ? clusterPort - 1 : clusterPort + 1;
}

const MOST_PORT = 65_535;
