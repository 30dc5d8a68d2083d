/** Traces number their nodes; here ids are words, whose order has to be that of the numbers. */
import { NO_PEER, type PeerId } from '../message.ts';

const DIGITS = 4;

export function idOf(number: number): PeerId {
  return String(number).padStart(DIGITS, '0');
}

/** 0 for nobody. */
export function numberOf(id: PeerId): number {
  return id === NO_PEER ? 0 : Number(id);
}
