// Loaded before a server that would listen on every address: what names none gets 127.0.0.1, a free
// port, and a line that says which.

import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function onLoopback(port, ...rest) {
  const path = process.argv.includes('sse') ? 'sse' : 'mcp';
  this.once('listening', () => console.log(`listening on http://127.0.0.1:${this.address().port}/${path}`));
  return listen.call(this, { port: 0, host: '127.0.0.1' }, ...rest);
};
