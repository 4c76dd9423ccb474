/** Every bound of the network, with its unit. docs/spec/network.md gives the reasons. */
import type { GossipTopic, RequestName } from '../ports.ts'

/** The chain's requests and the network's own: `peers` asks for addresses of others. */
export type StreamName = RequestName | 'peers'

const kib = 1024
const mib = 1024 * kib

/** N21. The largest payload per topic, in bytes: the chain's own limit and slack for the envelope around it. */
export const gossipBytesMax: Readonly<Record<GossipTopic, number>> = {
  transactions: 64 * kib + 4 * kib,
  votes: 16 * kib,
  proposals: 1 * mib + 64 * kib,
  evidence: 64 * kib + 4 * kib,
}

/** N26. New payloads that one peer may bring, per second for long and at once after a rest; more are ignored. */
export const gossipRates: Readonly<Record<GossipTopic, { readonly perSecond: number; readonly burst: number }>> = {
  transactions: { perSecond: 500, burst: 2_000 },
  votes: { perSecond: 2_000, burst: 8_000 },
  proposals: { perSecond: 50, burst: 200 },
  evidence: { perSecond: 50, burst: 200 },
}
/** N22. How long a payload is remembered, and not delivered again. */
export const gossipSeenMs = 120_000
/** N23. Bytes that wait for a slow peer before its gossip stream is given up. */
export const unsentGossipBytesMax = 16 * mib
/** N21. The largest gossip frame. Payloads that a peer asks for again come several in one. */
export const gossipFrameBytesMax = 8 * mib

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
  status: { questionBytesMax: 4 * kib, answerBytesMax: 1 * mib, deadlineMs: 5_000, perSecond: 10, burst: 50 },
  round: { questionBytesMax: 64 * kib, answerBytesMax: 1 * mib, deadlineMs: 5_000, perSecond: 20, burst: 100 },
  blocks: { questionBytesMax: 4 * kib, answerBytesMax: 8 * mib, deadlineMs: 20_000, perSecond: 10, burst: 40 },
  transactions: { questionBytesMax: 128 * kib, answerBytesMax: 1 * mib, deadlineMs: 5_000, perSecond: 50, burst: 200 },
  peers: { questionBytesMax: 16, answerBytesMax: 64 * kib, deadlineMs: 5_000, perSecond: 1, burst: 20 },
}

/** N33. Questions that we have open on one stream; more wait. */
export const questionsAtOnceMax = 16
/** N33. Questions on one stream that wait for their turn; more are refused. */
export const questionsWaitingMax = 32
/** N33. Streams per peer and name: one in use, and room for one that is just ending. */
export const channelsPerNameMax = 3
/** N34. Answers made or in the making that a peer has not taken: on one stream (then its questions wait) and in all. */
export const answerBytesPerStreamMax = 16 * mib
export const answerBytesInAllMax = 128 * mib
/** N34. How long a peer may take nothing of its answers. */
export const takeAnswersWithinMs = 20_000
/** N36. Questions on one stream whose answers came too late; then the stream is given up. */
export const lateAnswersMax = 64

// Connections

/** N50. All connections, both ways. */
export const connectionsMax = 100
/** N51. Connections of our own choice that we keep up; they are not closed to make room. */
export const outboundWanted = 16
/** N51. Added to what a peer is worth when connections are closed to make room. */
export const outboundTagValue = 100
/** N52. Connections of our own choice into one neighbourhood, and from one host to us. Both off on local networks. */
export const outboundPerNeighbourhoodMax = 2
export const inboundPerHostMax = 8
/** N53. New connections per second from one host. */
export const inboundPerSecondMax = 5
export const localInboundPerSecondMax = 1_000
/** N53. Sockets that have not said who they are yet, and how long they may take. */
export const unidentifiedSocketsMax = 500
export const identifyWithinMs = 3_000
/** N54. Dials that run at the same time. */
export const dialsAtOnceMax = 8
/** N54. A dial of all addresses of a peer, and of one of them. */
export const dialWithinMs = 5_000
export const dialAddressWithinMs = 2_000

/** N55. Peers remembered on disk, peers only heard of, addresses kept of one. */
export const peersMetMax = 1_000
export const peersHeardMax = 256
export const addressesPerPeerMax = 8
/** N56. Wait before the next dial of a peer that did not answer: doubles from the first to the last. */
export const redialMs = { first: 250, last: 15_000, lastOnLocal: 1_000 }
/** N56. A connection that ends sooner than this counts as a dial that missed. */
export const lastingMs = 10_000
/** N56. Dials in a row that a peer which was never met may miss. */
export const missedDialsMax = 5

/** N57. How often a peer is asked for others and for a sign of life: doubles from the first to the last. */
export const exchangeEveryMs = { first: 1_000, last: 30_000 }
/** N57. Signs of life in a row that a peer may miss. */
export const missedExchangesMax = 4
/** N57. Peers named in one answer. */
export const peersPerAnswerMax = 32
/** N24. How long a connected peer may be without a gossip stream. */
export const withoutGossipMsMax = 5_000

/** N58. How often dials, exchanges and watchdogs look around. */
export const roundMs = 500
/** N55. How often the remembered peers are written down at most. */
export const rememberEveryMs = 2_000

// Bans

/** N60. Faults that are borne, and how long one counts. */
export const faultsMax = 10
export const faultForgivenMs = 60_000
/** N61. */
export const banMs = 3_600_000
/** N62. Bans remembered; the oldest are dropped first. */
export const bansMax = 10_000
