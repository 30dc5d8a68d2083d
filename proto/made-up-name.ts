/** Names for what nobody named: an adjective and somebody's name, like Docker's. */
import type { RandomBytes } from './ids.ts';

const ADJECTIVES = `
  able agile amber ample apt bold brave breezy bright brisk calm candid cheery civil clear clever cosy crisp
  curious daring dapper deft eager earnest easy fair fancy fearless fluent fond frank fresh gentle glad golden
  graceful grand happy hardy hearty honest humble jolly jovial keen kind lively loyal lucid lucky mellow merry
  mighty mild modest neat nimble noble patient placid plucky polite proud quick quiet ready robust serene sharp
  silent sincere sleek smart snug sober solid spry stable steady stoic sunny swift tender thrifty tidy tranquil
  trusty upbeat vivid warm wise witty zany zealous zesty`;

/** People whom we owe computing, mathematics, science or the sea ways. */
const SURNAMES = `
  abel agnesi allen ampere archimedes babbage banach banneker bardeen bartik bell bohr boole borg bose brahe brahmagupta
  cantor carson cauchy cerf chandrasekhar clarke codd conway cook cori curie darwin dijkstra dirac easley einstein
  elion engelbart erdos euclid euler faraday fermat fermi feynman fibonacci franklin galileo galois gauss germain
  goldberg goodall gosling grothendieck hamilton hawking heisenberg hermann herschel hertz hilbert hodgkin hopper
  hypatia jackson jang johnson joliot kalam kare keller kepler khayyam kilby knuth kolmogorov kovalevskaya lamarr
  lamport leakey leavitt leibniz liskov lovelace magellan maxwell mcclintock meitner mendel mendeleev mirzakhani
  moore napier neumann newton nightingale nobel noether pascal pasteur payne perlman planck poincare polo ptolemy
  ramanujan ride riemann ritchie rubin sagan shannon shockley sinoussi spence tesla tharp thompson torvalds turing
  volta wescoff wiles wilson wozniak wright yalow yonath zhukovsky`;

const LEFT = ADJECTIVES.trim().split(/\s+/);
const RIGHT = SURNAMES.trim().split(/\s+/);
const PLAIN_ATTEMPTS = 6;

/** A name that isn't taken; after a few that are, with a number at its end. */
export function generateName(random: RandomBytes, isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const plain = `${pick(LEFT, random)}_${pick(RIGHT, random)}`;
    const name = attempt < PLAIN_ATTEMPTS ? plain : `${plain}${random(2).readUInt16BE()}`;
    if (!isTaken(name)) return name;
  }
}

function pick(words: readonly string[], random: RandomBytes): string {
  return words[random(4).readUInt32BE() % words.length] ?? '';
}
