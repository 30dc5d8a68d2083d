/** What gantryd is told of registries: mirrors, and which of them needn't prove who they are. */

export interface RegistrySettings {
  /** Of Docker Hub, tried in this order before it; without a slash at the end: "https://mirror.example.com:5000". */
  readonly mirrors: readonly string[];
  /** HOST[:PORT] or CIDR: TLS isn't verified, and plain HTTP is tried after it. Those on this host are that anyway. */
  readonly insecure: readonly string[];
  /** Directories, see readHostCertificates. */
  readonly certificates: readonly string[];
}
