/**
 * A simple agent: checks its node, pays for something, and reacts to what it is paid.
 *
 *   node examples/typescript/agent.ts did:claw:z6Mk… 100
 */
import { ClawnetClient, ProblemError } from '@claw-network/sdk'

const [to = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', amount = '100'] = process.argv.slice(2)
const client = new ClawnetClient({ url: process.env['CLAWNET_API'] ?? 'http://127.0.0.1:9528' })

const { did, network, blockHeight } = await client.status()
const { available } = await client.balance()
console.log(`${did} on ${network}, block ${blockHeight}, ${available} Tokens to spend`)

try {
  const payment = await client.send(
    'wallet.transfer',
    { to, amount: Number(amount), memo: 'from my agent' },
    { waitMs: 30_000 },
  )
  console.log(`${payment.txHash} is ${payment.status}`)
} catch (error) {
  // The code is for the program, the sentence for people.
  if (error instanceof ProblemError) console.log(`not paid: ${error.detail} (${error.code})`)
  else throw error
}

// Every payment that concerns this agent, for ever; the stream resumes by itself.
for await (const event of client.events({
  ...(did === undefined ? {} : { did }),
  kind: 'wallet.transfer',
  since: '0.0',
})) {
  if (event.type !== 'transaction') continue
  for (const { from, to: payee, amount: tokens } of event.data.movements) {
    if (payee !== undefined) console.log(`block ${event.id}: ${tokens} Tokens from ${from} to ${payee}`)
  }
}
