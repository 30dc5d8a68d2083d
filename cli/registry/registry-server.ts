/** Registries as images, users and config.json name them. Pure. */
import { parseReference } from '../../proto/image-reference.ts';

/** Docker Hub's domain in image names. */
export const DOCKER_HUB = 'docker.io';
/** What Docker and credential helpers call it. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
const DOCKER_HUB_HOSTS = [DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io'];

/** The domain of what a user types: "https://registry.example.com:5000/" is "registry.example.com:5000". */
export function serverDomain(text: string): string {
  const host = text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return DOCKER_HUB_HOSTS.includes(host) ? DOCKER_HUB : host;
}

/** What credentials for a domain are kept under. */
export function serverKey(domain: string): string {
  return domain === DOCKER_HUB ? DOCKER_HUB_KEY : domain;
}

export function imageDomain(image: string): string {
  return parseReference(image).domain;
}
