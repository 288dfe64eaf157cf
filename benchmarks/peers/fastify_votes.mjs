// Peer: votes on Fastify and ioredis with auto-pipelining; nothing is checked.
// usage: node fastify_votes.mjs PORT STORE_SOCKET
import Fastify from 'fastify'
import Redis from 'ioredis'

const [port, socket] = process.argv.slice(2)
const store = new Redis({ path: socket, enableAutoPipelining: true })
const app = Fastify()
const schema = {
  body: { type: 'object', required: ['choice'], properties: { choice: { type: 'string' } } },
  response: {
    200: {
      type: 'object',
      properties: {
        status: { type: 'string' }, poll: { type: 'string' }, choice: { type: 'string' }, seq: { type: 'integer' }
      }
    }
  }
}

app.post('/v1/polls/:poll/votes', { schema }, async (request) => {
  const { poll } = request.params
  const { choice } = request.body
  const keys = [`{${poll}}:poll`, `{${poll}}:tally`, `{${poll}}:voters`]
  const [status, seq] = await store.fcall('vote', 3, ...keys, request.headers.authorization, choice)
  return { status, poll, choice, seq }
})

await app.listen({ port: Number(port), host: '127.0.0.1' })
