/** The table of all commands: those of the domains first, then the node's own. */
import { domains } from '@claw-network/protocol'
import { approvalCommands } from './approval-commands.ts'
import { auditCommands } from './audit-commands.ts'
import { chainCommands } from './chain-commands.ts'
import type { Command } from './command.ts'
import { completionCommands } from './completion.ts'
import { devnetCommands } from './devnet-commands.ts'
import { domainCommands } from './domain-commands.ts'
import { genesisCommands } from './genesis-commands.ts'
import { identityCommands } from './identity-commands.ts'
import { identityFileCommands } from './identity-file-commands.ts'
import { initCommand } from './init-command.ts'
import { logCommand } from './log-command.ts'
import { nodeCommands } from './node-commands.ts'
import { tokenCommands } from './token-commands.ts'

export const commands: readonly Command[] = [
  ...domainCommands(domains),
  ...identityCommands,
  ...identityFileCommands,
  ...tokenCommands,
  ...approvalCommands,
  ...chainCommands,
  initCommand,
  ...nodeCommands,
  logCommand,
  ...auditCommands,
  ...genesisCommands,
  ...devnetCommands,
  ...completionCommands(() => commands),
]
