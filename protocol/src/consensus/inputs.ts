/** What goes into a `Height` and what comes out of it (docs/spec/consensus.md, C20 and C21). */
import { hash, type Hash } from '../crypto/hash.ts'
import { boolean, type Codec, enumeration, type Infer, struct, type UnionOf, union } from '../lib/codec.ts'
import type { Evidence } from './evidence.ts'
import {
  certificate,
  type Certificate,
  type Commit,
  height,
  proposal,
  round,
  type Statement,
  vote,
} from './messages.ts'

export const step = enumeration('propose', 'prevote', 'precommit')
export type Step = Infer<typeof step>

const forms = {
  /** The height begins. Votes of others may begin it earlier. */
  start: struct({}),
  /** Signed by the round's proposer. `timely` is the verdict of C45 when it came in; it counts for new values only. */
  proposal: struct({ proposal, timely: boolean }),
  /** Signed by the validator it names. */
  vote: struct({ vote }),
  /** Verified with `verifyCertificate`. */
  certificate: struct({ certificate }),
  /** A timer that `startTimer` asked for has run out. */
  timeout: struct({ height, round, step }),
  /** Our new block, in answer to `requestValue`; it is valid. */
  value: struct({ round, blockHash: hash }),
  /** The answer to `validate`. */
  validity: struct({ blockHash: hash, valid: boolean }),
}
type Forms = typeof forms

export type Input = { [T in keyof Forms]: { readonly type: T } & Infer<Forms[T]> }[keyof Forms]

const tagged = union(forms)

/** The form of an input in the write-ahead log. */
export const input: Codec<Input> = {
  schema: tagged.schema,
  toCbor: value => tagged.toCbor(nested(value)),
  fromCbor: cbor => flat(tagged.fromCbor(cbor)),
  toJson: value => tagged.toJson(nested(value)),
  fromJson: json => flat(tagged.fromJson(json)),
}

export type Output =
  /** Make it durable that we sign this, sign it, send it to all and feed it back as an input. */
  | { readonly type: 'sign'; readonly statement: Statement }
  /** Feed `timeout` back when the time of this step and round is over (C46). */
  | { readonly type: 'startTimer'; readonly height: number; readonly round: number; readonly step: Step }
  /** Build a block and answer `value`. Too late an answer does no harm. */
  | { readonly type: 'requestValue'; readonly height: number; readonly round: number }
  /** Get this block from wherever, execute it, answer `validity`. Asked once per block. */
  | { readonly type: 'validate'; readonly blockHash: Hash }
  /** Newly complete, or the proof that our proposal of an older value needs: send it to all. */
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /** Somebody signed two different things. */
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  /** Final. Nothing follows. */
  | { readonly type: 'decide'; readonly commit: Commit }
  /** Final for more than two thirds, but invalid for us: we compute differently and must stop. Nothing follows. */
  | { readonly type: 'halt'; readonly commit: Commit }

function nested(value: Input): UnionOf<Forms> {
  // A struct writes its own fields and nothing else, so the tag beside them does no harm.
  return { type: value.type, value } as UnionOf<Forms>
}

function flat({ type, value }: UnionOf<Forms>): Input {
  return { type, ...value } as Input
}
