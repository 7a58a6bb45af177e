// libp2p 3 is written for Node 22; this is what Node 20 lacks.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
};

if (globalThis.WebSocket == null) {
  const { WebSocket } = await import('ws');
  // As the standard has it, a message comes in a turn of its own. js listens for messages a moment after `open`, and go
  // sends its first one at once.
  globalThis.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { allowSynchronousEvents: false });
    }
  };
}
