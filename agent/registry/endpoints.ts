/** Where the images of a domain are to be had, in the order of trying. Pure. */

/** One registry's API: what comes before "/v2/". */
export interface Endpoint {
  /** HOST[:PORT] as certificates and messages name it. */
  readonly host: string;
  /** Of a mirror that has one: "/hub"; else empty. */
  readonly prefix: string;
  /** The user's credentials are for the origin alone. */
  readonly role: 'origin' | 'mirror';
  readonly scheme: 'https' | 'http';
}

const DOCKER_HUB = 'docker.io';
/** Docker Hub's names and its API have different hosts. */
const DOCKER_HUB_API = 'registry-1.docker.io';

/** The host of a domain's API: "registry.example.com:5000" is its own. */
export function apiHost(domain: string): string {
  return domain === DOCKER_HUB ? DOCKER_HUB_API : domain;
}

/** The domain's own endpoint is the last one; mirrors are of Docker Hub only, as Docker has it. */
export function endpointsOf(domain: string, mirrors: readonly string[]): readonly Endpoint[] {
  const origin: Endpoint = { host: apiHost(domain), prefix: '', role: 'origin', scheme: 'https' };
  return domain === DOCKER_HUB ? [...mirrors.map(mirrorEndpoint), origin] : [origin];
}

function mirrorEndpoint(text: string): Endpoint {
  const { host, pathname, protocol } = new URL(text);
  const scheme = protocol === 'http:' ? 'http' : 'https';
  return { host, prefix: pathname.replace(/\/+$/, ''), role: 'mirror', scheme };
}

/** Host names without their port and brackets: "[::1]:5000" is "::1". */
export function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}
