/**
 * Published ports of SCTP. The kernels that this runs on needn't have such sockets: both ends are packets made by hand, an INIT
 * and its INIT ACK (RFC 9260, section 3.3), which the host's rules and connection tracking take for what they are.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

const PATIENCE_MS = 30_000;
const TARGET = 3868;
const PUBLISHED = 13_868;
const CLIENT = 40_000;

let host: Host;

beforeAll(async () => {
  host = await Host.create('sctp');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
});

afterAll(async () => {
  await host.destroy();
});

/** `packet(from, to, tag, type)`: with one chunk of the type, that begins an association with the tag 1. */
const PACKETS = `use Socket; $| = 1;
socket(S, AF_INET, SOCK_RAW, 132) or die "socket: $!";
sub crc { my $c = 0xffffffff; for my $b (unpack "C*", shift) { $c ^= $b; $c = ($c >> 1) ^ ($c & 1 ? 0x82f63b78 : 0) for 1 .. 8 } $c ^ 0xffffffff }
sub packet { my ($from, $to, $tag, $type) = @_; my $body = pack "C C n N N n n N", $type, 0, 20, 1, 65536, 1, 1, 7;
  if ($type == 2) { $body = pack "C C n N N n n N n n N", 2, 0, 28, 1, 65536, 1, 1, 7, 7, 8, 0 }
  my $head = pack "n n N", $from, $to, $tag; $head . pack("V", crc($head . "\\0\\0\\0\\0" . $body)) . $body }
sub receive { recv(S, my $d, 2048, 0); my $h = (ord($d) & 15) * 4; (join(".", unpack "C4", substr $d, 12, 4), unpack "n n N N C", substr $d, $h) }
`;
const SERVER = `${PACKETS} print "ready\\n";
while (1) { my ($source, $from, $to, $tag, $crc, $type) = receive(); next unless $type == 1;
  print "$source $to\\n"; send(S, packet($to, $from, 1, 2), 0, sockaddr_in(0, inet_aton($source))) }`;
const ASK = `${PACKETS} alarm 10; send(S, packet(${CLIENT}, $ARGV[1], 0, 1), 0, sockaddr_in(0, inet_aton($ARGV[0])));
while (1) { my ($source, $from, $to, $tag, $crc, $type) = receive(); next unless $type == 2; print "$source $from $to"; exit }`;

/** In the container's network: prints who asks, and on which port. */
async function serve(container: string): Promise<{ readonly child: ChildProcess; readonly heard: () => string }> {
  const pid = await host.ok(['inspect', '--format', '{{.State.Pid}}', container]);
  const child = spawn('nsenter', ['-t', pid, '-n', 'perl', '-e', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  await until('the server to listen', () => text.includes('ready'), PATIENCE_MS);
  return { child, heard: () => text };
}

function ask(port: number): Promise<string> {
  return output(host.outside(['perl', '-e', ASK, HOST_ADDRESS, `${port}`]));
}

it('a port of a container leads to it, and its answers come from where they were asked', async () => {
  const flags = ['-d', '--init', '--name', 'gateway', '-p', `${PUBLISHED}:${TARGET}/sctp`];
  await host.ok(['run', ...flags, 'busybox', 'sleep', '1000']);
  expect(await host.ok(['port', 'gateway'])).toContain(`${TARGET}/sctp -> 0.0.0.0:${PUBLISHED}`);
  const { child, heard } = await serve('gateway');
  try {
    expect(await ask(PUBLISHED)).toBe(`${HOST_ADDRESS} ${PUBLISHED} ${CLIENT}`);
    expect(heard()).toMatch(new RegExp(`^ready\n\\S+ ${TARGET}\n`));
  } finally {
    child.kill('SIGKILL');
    await host.ok(['rm', '-f', 'gateway']);
  }
});

it('a port of a service leads to its task', async () => {
  const flags = ['--name', 'gateway', '--init', '-q', '-p', `${PUBLISHED}:${TARGET}/sctp`];
  await host.ok(['service', 'create', ...flags, 'busybox', 'sleep', '1000']);
  expect(await host.ok(['service', 'ls', '--format', '{{.Ports}}'])).toBe(`*:${PUBLISHED}->${TARGET}/sctp`);
  const { child } = await serve(await host.ok(['ps', '-q', '--filter', 'name=gateway']));
  try {
    expect(await ask(PUBLISHED)).toBe(`${HOST_ADDRESS} ${PUBLISHED} ${CLIENT}`);
  } finally {
    child.kill('SIGKILL');
    await host.ok(['service', 'rm', 'gateway']);
  }
});
