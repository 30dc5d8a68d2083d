/**
 * The network that all nodes are on: a connection to a published port goes through it to a node that has a task. No container
 * is on it, and it has no addresses of its own. Managers and agents must agree on how it is called.
 */
export const INGRESS_NETWORK = 'ingress';

/** Below those that other networks are given. */
export const INGRESS_VNI = 4095;
