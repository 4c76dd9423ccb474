/** Lives of an API that end like with kill -9, at the n-th time that a request comes to a step. */
import type { Transaction } from '@claw-network/protocol'
import type { Refusal } from '../../node/src/api/node.ts'
import type { TestApiNode } from './api-node.ts'

/** Before and after a signature is made; before and after the transaction is handed on. */
export const steps = ['sign', 'signed', 'submit', 'submitted'] as const
export type Step = (typeof steps)[number]

export interface Death {
  readonly step: Step
  /** Counted from 1. */
  readonly time: number
}

export interface Life {
  /** Resolves once it has died: no request that it holds is answered any more. */
  readonly ended: Promise<void>
}

/** Starts the API anew on what the last life left. Without a death it lives on. */
export async function nextLife(node: TestApiNode, death?: Death): Promise<Life> {
  const { node: whole } = node
  const sign = Object.getPrototypeOf(node.wallet).sign.bind(node.wallet) as typeof node.wallet.sign
  const end = Promise.withResolvers<void>()
  let isDead = false
  let times = 0
  const comesTo = (step: Step): void => {
    if (step === death?.step && ++times === death.time) {
      isDead = true
      end.resolve()
    }
  }
  const never = new Promise<never>(() => {})
  const breathe = (): void => {
    if (isDead) throw new Error('this life is over')
  }

  node.wallet.sign = async (...parts) => {
    comesTo('sign')
    if (isDead) return never
    const signature = await sign(...parts)
    comesTo('signed')
    return isDead ? never : signature
  }
  const parts = {
    effectOf: (transaction: Transaction) => {
      breathe()
      return whole.effectOf(transaction)
    },
    submit: (transaction: Transaction): Refusal | undefined => {
      breathe()
      comesTo('submit')
      breathe()
      const refusal = whole.submit(transaction)
      comesTo('submitted')
      breathe()
      return refusal
    },
  }
  try {
    await node.replaceApi(parts)
  } catch (error) {
    // It may die while it sends what the last life left.
    if (!isDead) throw error
  }
  return { ended: end.promise }
}
