export { hash, hashOf } from './crypto/hash.ts'
