#!/usr/bin/env node
import { fileURLToPath } from 'url'
import { runOnNode24 } from './node-24.js'

runOnNode24('cli/main', fileURLToPath(import.meta.url))
