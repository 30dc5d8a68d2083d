/**
 * A wire for hosts: a bridge in a namespace of its own, with no way out of the machine. Hosts are plugged into ports, which
 * are links in that namespace. What is cut is cut here: it outlives a host that is off, and no host can see or end it.
 */
import { output, runCommand } from './command.ts';

/** From one port to another, one way. */
export interface Way {
  readonly from: string;
  readonly to: string;
}

const BRIDGE = 'lan';
const SET = 'bridge cuts ways';
const RULES = `
add table bridge cuts
add set ${SET} { type ifname . ifname; }
add chain bridge cuts forward { type filter hook forward priority 0; }
add rule bridge cuts forward iifname . oifname @ways drop
`;

export class Bridge {
  readonly namespace: string;

  /** One that is there already; {@link Bridge.create} makes one. */
  constructor(namespace: string) {
    this.namespace = namespace;
  }

  static async create(namespace: string): Promise<Bridge> {
    const bridge = new Bridge(namespace);
    await output(['ip', 'netns', 'add', namespace]);
    await bridge.#ip('link', 'add', BRIDGE, 'type', 'bridge');
    await bridge.#ip('link', 'set', BRIDGE, 'up');
    await bridge.#nft(RULES);
    return bridge;
  }

  /** Takes a link that is in the namespace as a port. */
  async plug(port: string): Promise<void> {
    await this.#ip('link', 'set', port, 'master', BRIDGE, 'up');
  }

  /** Makes a port whose other end is the link `uplink` in the network namespace of a process. */
  async connect(port: string, pid: number): Promise<void> {
    const peer = ['peer', 'name', 'uplink', 'netns', String(pid)];
    await this.#ip('link', 'add', port, 'type', 'veth', ...peer);
    await this.plug(port);
  }

  /** Pulls a port's plug, or puts it in again. */
  async setConnected(port: string, connected: boolean): Promise<void> {
    await this.#ip('link', 'set', port, connected ? 'up' : 'down');
  }

  /** Removes the port with its wire, if it is there. */
  async remove(port: string): Promise<void> {
    await runCommand(['ip', '-n', this.namespace, 'link', 'del', port]);
  }

  /** Limits what is sent to a port, in tc's language ("1mbit"); what doesn't fit waits up to half a second, then is lost. */
  async limit(port: string, rate: string): Promise<void> {
    await output(limitCommand(['tc', '-n', this.namespace], port, rate));
  }

  async unlimit(port: string): Promise<void> {
    await runCommand(['tc', '-n', this.namespace, 'qdisc', 'del', 'dev', port, 'root']);
  }

  /** Frames that come in at one port no longer go out at the other. Idempotent. */
  async cut({ from, to }: Way): Promise<void> {
    await this.#nft(`add element ${SET} { "${from}" . "${to}" }`);
  }

  /** Idempotent. */
  async heal(way: Way): Promise<void> {
    // A delete of what isn't there is an error; adding it first makes it none, and both are one transaction.
    const element = `${SET} { "${way.from}" . "${way.to}" }`;
    await this.#nft(`add element ${element}\ndelete element ${element}`);
  }

  async healAll(): Promise<void> {
    await this.#nft(`flush set ${SET}`);
  }

  /** All ways that are cut. */
  async cuts(): Promise<Way[]> {
    return parseWays(await output(this.#inside(['nft', '-j', 'list', 'set', ...SET.split(' ')])));
  }

  /** No error when there is none. */
  async destroy(): Promise<void> {
    await runCommand(['ip', 'netns', 'del', this.namespace]);
  }

  async #nft(rules: string): Promise<void> {
    await output(this.#inside(['nft', '-f', '-']), { stdin: rules });
  }

  #inside(argv: readonly string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.namespace}`, ...argv];
  }

  #ip(...argv: string[]): Promise<string> {
    return output(['ip', '-n', this.namespace, ...argv]);
  }
}

/** The command line that limits what is sent through a link; `tc` as it is to be called. */
export function limitCommand(tc: readonly string[], link: string, rate: string): string[] {
  return [...tc, 'qdisc', 'replace', 'dev', link, 'root', 'tbf', 'rate', rate, 'burst', '32kb', 'latency', '500ms'];
}

interface ListedSet {
  readonly elem?: readonly { readonly concat: readonly [string, string] }[];
}

function parseWays(json: string): Way[] {
  const { nftables } = JSON.parse(json) as { nftables: readonly { readonly set?: ListedSet }[] };
  return nftables.flatMap(({ set }) => (set?.elem ?? []).map(({ concat: [from, to] }) => ({ from, to })));
}
