import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messagesIn } from './messages.ts'
import { SyncProgress } from './sync-progress.ts'

test('the bar fills, and the time left follows from the blocks so far', () => {
  const progress = new SyncProgress(messagesIn('en'))
  assert.equal(
    progress.line({ blockHeight: 100, targetHeight: 400 }, 10_000),
    `${'█'.repeat(6)}${'░'.repeat(18)} not ready yet: block 100 of 400`,
  )
  assert.equal(
    progress.line({ blockHeight: 200, targetHeight: 400 }, 15_000),
    `${'█'.repeat(12)}${'░'.repeat(12)} not ready yet: block 200 of 400, 10 s left`,
  )
  assert.match(progress.line({ blockHeight: 401, targetHeight: 400 }, 16_000), /^█{24} .*, 0 s left$/)
})

test('a node that knows nothing yet has an empty bar', () => {
  const progress = new SyncProgress(messagesIn('en'))
  assert.match(progress.line({ blockHeight: 0, targetHeight: 0 }, 0), /^░{24} not ready yet: block 0 of 1$/)
})
