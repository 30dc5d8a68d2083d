/** How gantryd's registry is to be opened. */

export interface RegistryServerOptions {
  /** IP:PORT, or empty for nowhere. */
  readonly address: string;
  /** PEM files, or both empty for plain HTTP. */
  readonly certificate: string;
  readonly key: string;
  /** File of users, or empty: everybody may push and pull, which only a loopback address allows. */
  readonly users: string;
  /** HOST[:PORT]: names that it is called by, beside the node's own. */
  readonly hosts: readonly string[];
}
