// libp2p 3 is written for Node 22; this is what Node 20 lacks.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
};

if (globalThis.WebSocket == null) globalThis.WebSocket = (await import('ws')).WebSocket;
