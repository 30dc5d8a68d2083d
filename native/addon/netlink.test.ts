import { describe, expect, it } from 'vitest';
import { native } from './native.ts';
import {
  answersIn,
  linkMessage,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  withNetlink,
} from './netlink.testing.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('netlink requests', () => {
  it('creates, finds and deletes a link in a namespace', async () => {
    await withNetlink(await place.makeNetns(), async (fd) => {
      const created = await native.netlinkRequest(fd, linkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, 1, 'd0'), 1);
      expect(answersIn(created)).toEqual([{ type: NLMSG_ERROR, error: 0 }]);
      const dump = answersIn(await native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, 2), 1));
      expect(dump.filter((answer) => answer.type === RTM_NEWLINK)).toHaveLength(2);
      expect(dump.at(-1)?.type).toBe(NLMSG_DONE);
      const deleted = await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 3, 'd0'), 1);
      expect(answersIn(deleted)).toEqual([{ type: NLMSG_ERROR, error: 0 }]);
    });
  });

  it('returns errors in acknowledgements as data', async () => {
    await withNetlink(await place.makeNetns(), async (fd) => {
      const answer = await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 1, 'none'), 1);
      expect(answersIn(answer)).toEqual([{ type: NLMSG_ERROR, error: -19 }]);
    });
  });

  it('returns what there is when a refused batch gets fewer answers than expected', async () => {
    await withNetlink(await place.makeNetns(), async (fd) => {
      const answer = await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 1, 'none'), 5);
      expect(answersIn(answer)).toHaveLength(1);
    });
  });

  it('receives a batch of more acknowledgements than a socket buffer holds by default', async () => {
    await withNetlink(await place.makeNetns(), async (fd) => {
      const messages = Array.from({ length: 2000 }, (_, i) => linkMessage(RTM_DELLINK, NLM_F_ACK, i + 1, 'none'));
      const answers = answersIn(await native.netlinkRequest(fd, Buffer.concat(messages), messages.length));
      expect(answers.filter((answer) => answer.error === -19)).toHaveLength(2000);
    });
  });

  it('receives a dump of many parts', async () => {
    await withNetlink(await place.makeNetns(), async (fd) => {
      const messages = Array.from({ length: 30 }, (_, i) =>
        linkMessage(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE, i + 1, `d${i}`),
      );
      await native.netlinkRequest(fd, Buffer.concat(messages), messages.length);
      const dump = await native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, 1000), 1);
      expect(dump.length).toBeGreaterThan(2);
      expect(answersIn(dump).filter((answer) => answer.type === RTM_NEWLINK)).toHaveLength(31);
    });
  });

  it('gives each of many requests at once its own answers', async () => {
    await withNetlink(await place.makeNetns(), async (fd) => {
      const answers = await Promise.all(
        Array.from({ length: 32 }, (_, i) => native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, i + 1), 1)),
      );
      answers.forEach((datagrams, i) => {
        expect(datagrams.every((datagram) => datagram.readUInt32LE(8) === i + 1)).toBe(true);
      });
    });
  });

  it('ignores late answers to an earlier request', async () => {
    await withNetlink(await place.makeNetns(), async (fd) => {
      await native.netlinkRequest(fd, linkMessage(RTM_DELLINK, NLM_F_ACK, 1, 'none'), 0);
      const dump = await native.netlinkRequest(fd, linkMessage(RTM_GETLINK, NLM_F_DUMP, 2), 1);
      expect(answersIn(dump).at(-1)?.type).toBe(NLMSG_DONE);
    });
  });

  it('refuses what is not a sequence of whole messages', async () => {
    await withNetlink(null, async (fd) => {
      const tooLong = linkMessage(RTM_GETLINK, NLM_F_DUMP, 1);
      tooLong.writeUInt32LE(1 << 30, 0);
      for (const bad of [Buffer.alloc(0), Buffer.alloc(7), Buffer.alloc(64), tooLong]) {
        await expect(native.netlinkRequest(fd, bad, 1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
      }
    });
    await expect(native.netlinkRequest(-1, Buffer.alloc(16), 1)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});
