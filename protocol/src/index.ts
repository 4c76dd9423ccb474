/** @claw-network/protocol: the rules of clawnet, pure. */

// lib
export { AssertionError, assert, present } from './lib/assert.ts'
export { bytesEqual, compareBytes, concat, fromHex, toHex, uint64, utf8 } from './lib/bytes.ts'
export {
  amount,
  boolean,
  bytes,
  type Codec,
  DecodeError,
  describe,
  enumeration,
  fromBytes,
  type Infer,
  type Json,
  type JsonSchema,
  type OptionalCodec,
  list,
  optional,
  struct,
  type StructCodec,
  type StructOf,
  text,
  timestamp,
  toBytes,
  tokenSum,
  uint,
  union,
  type UnionOf,
} from './lib/codec.ts'
export { canonicalJson } from './lib/jcs.ts'
export type { JsonObject } from './lib/json-object.ts'
export { Prng } from './lib/prng.ts'

// crypto
export {
  derivationIndexLimit,
  entropyOf,
  identityKey,
  identityPath,
  mnemonicOf,
  seedOf,
  walletEntropyBytes,
} from './crypto/derivation.ts'
export { isCanonicalSignature, publicKeyOf, sign } from './crypto/ed25519.ts'
export { digest, type Hash, hash, hashIn, hashOf, provideSha256, zeroHash } from './crypto/hash.ts'
export {
  type Address,
  address,
  addressOf,
  type Did,
  did,
  formatAddress,
  formatDid,
  formatMultikey,
  parseAddress,
  parseDid,
  parseMultikey,
  type PublicKey,
  publicKey,
} from './crypto/keys.ts'

export { type ListProof, listProof, listRoot, proveInList, verifyListProof } from './crypto/merkle.ts'
export {
  emptyRoot,
  type NodeStorage,
  prove,
  type TreeChange,
  type TreeUpdate,
  type TreeWrite,
  updateTree,
} from './crypto/state-tree.ts'
export { hashPairs } from './crypto/tree-hashing.ts'
export { type TreeProof, treeProof, verifyProof } from './crypto/tree-proof.ts'

// consensus
export { type RoundMessages, roundProposalsMax, type RoundSummary, roundSummary } from './consensus/anti-entropy.ts'
export { bitmapOf, hasBit, signersOf, verifyCertificate, verifyCommit } from './consensus/certificate.ts'
export { type Evidence, evidence, verifyEvidence } from './consensus/evidence.ts'
export { Height } from './consensus/height.ts'
export { type Input, input, type Output, type Step } from './consensus/inputs.ts'
export {
  hashOfSet,
  proposerAt,
  quorum,
  totalPower,
  type Validator,
  type ValidatorSet,
  validatorSet,
} from './consensus/validator-set.ts'
export {
  type Certificate,
  type Commit,
  certificate,
  certificateOf,
  commit,
  type Proposal,
  proposal,
  signBytes,
  type Statement,
  validatorsMax,
  type Vote,
  vote,
} from './consensus/messages.ts'

// ledger
export {
  type Block,
  block,
  blockHashOf,
  blockVersion,
  type CompactBlock,
  commitHashOf,
  compactBlock,
  type DecidedBlock,
  decidedBlock,
  evidenceRootOf,
  type Header,
  header,
  isCompactBlock,
  type Result,
  result,
  resultsRootOf,
  transactionsRootOf,
} from './ledger/block.ts'
export type {
  Access,
  Admission,
  AnyQuery,
  AnyTransactionKind,
  BlockPlace,
  Domain,
  Endorsement,
  Endorser,
  Query,
  QueryContext,
  SignatureStatement,
  TransactionContext,
  TransactionKind,
  WorkloadDraw,
  WorkloadOrder,
} from './ledger/domain.ts'
export {
  assemble,
  decodeTransaction,
  type Envelope,
  envelopeCodec,
  signatureStatements,
  signedBy,
  signingBytes,
  type Transaction,
} from './ledger/envelope.ts'
export {
  chainIdOf,
  checkGenesis,
  type Genesis,
  genesis,
  genesisSupply,
  type NetworkName,
  networkName,
} from './ledger/genesis.ts'
export {
  BlockExecution,
  type BlockInputs,
  deadlinesPerBlockMax,
  type Effect,
  Ledger,
  type Outcome,
  type Receipt,
} from './ledger/ledger.ts'
export { type Params, params, paramsHashOf, paramsOf, presets, transactionBytesMax } from './ledger/params.ts'
export {
  Draft,
  emptyView,
  type Movement,
  type Outlay,
  type RangeView,
  type StateKey,
  statePath,
  type Table,
  table,
  type View,
} from './ledger/state.ts'
export { signEnvelope } from './ledger/signing.ts'
export { nextDeadline } from './ledger/deadlines.ts'
export { validatorsAt } from './ledger/validators.ts'

// domains
export { type Account, accountAt, supply } from './domains/accounts/index.ts'
export {
  type Credential,
  credentialBytesMax,
  credentialStatement,
  keyOf,
  readCredential,
  rotationMessage,
  rotationsOf,
  signCredential,
} from './domains/identity/index.ts'
export { domains, ledger } from './domains/index.ts'
