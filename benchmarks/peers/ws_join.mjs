// Peer: a WebSocket server on `ws`, which sends each socket a first frame of FRAME_BYTES; nothing is checked.
// usage: node ws_join.mjs PORT FRAME_BYTES
import { WebSocketServer } from 'ws'

const [port, size] = process.argv.slice(2).map(Number)
const frame = JSON.stringify({ epoch: '000000000001', seq: 1 }).padEnd(size)
const server = new WebSocketServer({ port, host: '127.0.0.1', perMessageDeflate: false, backlog: 2048 })
server.on('connection', (socket) => socket.send(frame))
