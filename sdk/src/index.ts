/** @claw-network/sdk: a typed client of a clawnet node, for Node and browsers. */
export type {
  AgentToken,
  Approval,
  BlockAnswer,
  HistoryAnswer,
  HistoryEntry,
  Identity,
  IdentityList,
  Movement,
  NodeStatus,
  PeerList,
  TokenGrant,
  TransactionAnswer,
} from './answers.ts'
export {
  ClawnetClient,
  type ClientOptions,
  type SendOptions,
  type TransactionOptions,
  type WalletOptions,
} from './client.ts'
export type { EventFilter, NodeEvent } from './events.ts'
export type { Fetch, HttpResponse } from './http.ts'
export type { JsonInput, JsonOutput } from './json-form.ts'
export { ConnectionError, type Problem, ProblemError, TermsError } from './problem.ts'
export type { BodyOf, InputOf, KindName, OutputOf, QueryPath } from './tables.ts'
export {
  createSessionWallet,
  createWallet,
  type Order,
  type Rotation,
  type SignedTransaction,
  type Wallet,
} from './wallet.ts'
