import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { until } from '../../test/lab/until.ts';
import { native } from './native.ts';
import {
  answersIn,
  linkMessage,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_CREATE,
  RTM_DELLINK,
  RTM_NEWLINK,
  withNetlink,
} from './netlink.testing.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('netlink events', () => {
  it('passes on what the kernel tells, of the types asked for, until the stream is closed', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const netns = await place.makeNetns();
    const before = threads();
    const RTMGRP_LINK = 1;
    const fd = await native.netlinkSubscribe(netns, NETLINK_ROUTE, RTMGRP_LINK, [RTM_DELLINK]);
    const stream = new net.Socket({ fd });
    const told: Buffer[] = [];
    stream.on('data', (bytes) => told.push(bytes));
    await withNetlink(netns, async (socket) => {
      await native.netlinkRequest(socket, linkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, 1, 'd0'), 1);
      await native.netlinkRequest(socket, linkMessage(RTM_DELLINK, NLM_F_ACK, 2, 'd0'), 1);
    });
    await until('the end of the link to be told', async () => told.length > 0);
    expect(answersIn(told).map(({ type }) => type)).toEqual([RTM_DELLINK]);
    stream.destroy();
    await until('the thread to end', async () => threads() <= before);
  });

  it('says that messages were lost rather than nothing', async () => {
    const netns = await place.makeNetns();
    const stream = new net.Socket({ fd: await native.netlinkSubscribe(netns, NETLINK_ROUTE, 1, [RTM_NEWLINK]) });
    const changes = Array.from({ length: 3000 }, (_, i) => `link set lo alias ${i}\n`);
    // Nobody reads meanwhile.
    execFileSync('nsenter', [`--net=${netns}`, 'ip', '-batch', '-'], { input: changes.join('') });
    const told: Buffer[] = [];
    stream.on('data', (bytes) => told.push(bytes));
    const NLMSG_OVERRUN = 4;
    await until('the overrun to be told', async () =>
      answersIn([Buffer.concat(told)]).some(({ type }) => type === NLMSG_OVERRUN),
    );
    stream.destroy();
  });
});
