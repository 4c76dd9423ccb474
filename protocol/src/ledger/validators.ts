/** Validator sets in the state: after block h those of h, h+1 and h+2, with their priorities (docs/spec/ledger.md, L32). */
import { advance, makeSet, type Validator, type ValidatorSet, validatorSet } from '../consensus/validator-set.ts'
import { uint } from '../lib/codec.ts'
import { present } from '../lib/assert.ts'
import type { Genesis } from './genesis.ts'
import { type Draft, table, type View } from './state.ts'

const sets = table('validators', uint(), validatorSet)

/** How many heights ahead a set is fixed: a change decided at h is in force at h + 2. */
const heightsAhead = 2

/** The set that decides `height`; the state of block h knows h, h+1 and h+2. */
export function validatorsAt(view: View, height: number): ValidatorSet {
  return present(sets.get(view, height), `the state holds the validator set of height ${height}`)
}

export function seedValidators(draft: Draft, genesis: Genesis): void {
  const validators = genesis.validators.map(
    (member): Validator => ({ publicKey: member.consensusKey, power: member.stake, address: member.address }),
  )
  let set = makeSet(validators)
  for (let height = 1; height <= heightsAhead; height += 1) {
    sets.set(draft, height, set)
    set = advance(set)
  }
}

/** Fixes the set of `height + 2` and forgets the one of `height - 1`. */
export function turnValidators(draft: Draft, height: number): void {
  sets.set(draft, height + heightsAhead, advance(validatorsAt(draft, height + heightsAhead - 1)))
  sets.delete(draft, height - 1)
}
