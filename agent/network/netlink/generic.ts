/** Generic netlink: families of messages that have a name, and a number that the kernel gives them (linux/genetlink.h). */
import { parseAttributes, stringAttribute } from './attributes.ts';
import { type Message, NLM_F_ACK, type Request } from './message.ts';
import type { NetlinkSocket } from './socket.ts';

const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const VERSION = 1;
const HEADER_BYTES = 4;

export interface GenericRequest {
  /** See familyId. */
  readonly family: number;
  readonly command: number;
  readonly flags: number;
  readonly attributes: readonly Buffer[];
  readonly purpose: string;
}

export function genericRequest({ family, command, flags, attributes, purpose }: GenericRequest): Request {
  return { type: family, flags, payload: Buffer.concat([Buffer.of(command, VERSION, 0, 0), ...attributes]), purpose };
}

/** What comes behind the header. */
export function genericPayload({ payload }: Message): Buffer {
  return payload.subarray(HEADER_BYTES);
}

/** Throws a NetlinkError with code ENOENT when the kernel has no such family (yet: loading a module brings it). */
export async function familyId(socket: NetlinkSocket, name: string): Promise<number> {
  const request = genericRequest({
    family: GENL_ID_CTRL,
    command: CTRL_CMD_GETFAMILY,
    flags: NLM_F_ACK,
    attributes: [stringAttribute(CTRL_ATTR_FAMILY_NAME, name)],
    purpose: `find the kernel's ${name}`,
  });
  const [message] = await socket.query(request);
  const id = message && parseAttributes(genericPayload(message)).get(CTRL_ATTR_FAMILY_ID);
  if (id === undefined || id.length < 2) throw new Error(`the kernel doesn't say what its ${name} is`);
  return id.readUInt16LE();
}
