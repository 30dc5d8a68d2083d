/** How long certificates are valid, as far as whoever makes them and whoever has them must agree. */
const HOUR_MS = 3_600_000;

/** A certificate is valid from so long before it was made: clocks of nodes may differ by as much. */
export const BACKDATED_MS = 2 * HOUR_MS;
/** Of a node's certificate, where the cluster says nothing else. */
export const NODE_CERTIFICATE_LIFE_MS = 90 * 24 * HOUR_MS;
/** The shortest that a cluster may want; as Docker's. */
export const SHORTEST_CERTIFICATE_LIFE_MS = HOUR_MS;
