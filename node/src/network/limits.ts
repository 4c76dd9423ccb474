/** Every bound of the network, with its unit. docs/spec/network.md gives the reasons. */
import type { GossipTopic, RequestName } from '../ports.ts'

/** The chain's requests and the network's own: `peers` asks for addresses of others. */
export type StreamName = RequestName | 'peers'

const kib = 1024
const mib = 1024 * kib

/** N21. The largest payload per topic, in bytes: the chain's own limit and slack for the envelope around it. */
export const gossipBytesMax: Readonly<Record<GossipTopic, number>> = {
  transactions: 64 * kib + 4 * kib,
  votes: 4 * kib,
  proposals: 1 * mib + 64 * kib,
  evidence: 64 * kib + 4 * kib,
}

export interface RequestLimits {
  /** Largest question and largest answer, in bytes of payload. */
  readonly questionBytesMax: number
  readonly answerBytesMax: number
  /** How long the asker waits. */
  readonly deadlineMs: number
  /** Questions per second that one peer may ask for long, and at once after a rest. */
  readonly perSecond: number
  readonly burst: number
}

/** N31. */
export const requestLimits: Readonly<Record<StreamName, RequestLimits>> = {
  status: { questionBytesMax: 1 * mib, answerBytesMax: 1 * mib, deadlineMs: 5_000, perSecond: 10, burst: 50 },
  round: { questionBytesMax: 1 * mib, answerBytesMax: 1 * mib, deadlineMs: 5_000, perSecond: 20, burst: 100 },
  blocks: { questionBytesMax: 64 * kib, answerBytesMax: 8 * mib, deadlineMs: 20_000, perSecond: 10, burst: 40 },
  transactions: { questionBytesMax: 1 * mib, answerBytesMax: 1 * mib, deadlineMs: 5_000, perSecond: 50, burst: 200 },
  peers: { questionBytesMax: 16, answerBytesMax: 64 * kib, deadlineMs: 5_000, perSecond: 1, burst: 10 },
}

/** N33. Questions of one peer under one name that are answered at the same time; more are refused. */
export const answersAtOnceMax = 32
/** N33. Answers that peers asked for and do not take, over all peers. Beyond it every question is refused. */
export const unsentAnswerBytesMax = 64 * mib
/** N34. Questions on one stream whose answers came too late; then the stream is given up. */
export const lateAnswersMax = 64
