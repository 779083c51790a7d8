/**
 * Loaded before the tests. `fetch` asks for keep-alive while a socket is still connecting. Wine 8
 * then refuses the connection, and Windows does not.
 */
const { Socket } = require('node:net')

const { setKeepAlive } = Socket.prototype
Socket.prototype.setKeepAlive = function (...args) {
  return this.connecting
    ? this.once('connect', () => setKeepAlive.apply(this, args))
    : setKeepAlive.apply(this, args)
}
