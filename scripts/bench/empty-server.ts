/** What the framework of the API can do when there is nothing to do. Prints its address. */
import Fastify from 'fastify'

const server = Fastify()
server.get('/', async () => ({ balance: 1000, available: 950, pending: 50, locked: 0 }))
console.log(await server.listen({ host: '127.0.0.1', port: 0 }))
