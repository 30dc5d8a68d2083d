/** Networks that every host has by itself, besides those of the cluster. */
export const HOST_NETWORKS: ReadonlySet<string> = new Set(['host', 'none', 'bridge']);
