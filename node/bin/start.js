#!/usr/bin/env node
import { fileURLToPath } from 'url'
import { runOnNode24 } from './node-24.js'

runOnNode24('start', fileURLToPath(import.meta.url))
