// Perfetto's trace_processor without a browser: node trace_processor.js FOLDER < requests > replies
// FOLDER has engine_bundle.js, the worker of Perfetto's page, and the program itself as WebAssembly.
const fs = require('fs'), path = require('path'), vm = require('vm'), node = process;
const read = (url) => fs.readFileSync(path.join(node.argv[2], path.basename(String(url))));
const requests = fs.readFileSync(0);
console.log = console.warn = () => {};
Object.assign(globalThis, {
  process: undefined,  // the worker refuses to run where it sees node
  self: globalThis,
  WorkerGlobalScope: function () {},
  importScripts: () => {},
  location: { href: 'http://localhost/engine_bundle.js', origin: 'http://localhost', pathname: '/' },
  XMLHttpRequest: class {
    open(_, url) { this.url = url; }
    send() { this.response = new Uint8Array(read(this.url)).buffer; }
  },
});
const port = { postMessage: (reply) => node.stdout.write(Buffer.from(reply)) };
vm.runInThisContext(read('engine_bundle.js').toString());
globalThis.onmessage({ data: port });
setTimeout(() => {  // when the worker has set itself up
  globalThis.process = node;
  port.onmessage({ data: new Uint8Array(requests) });
}, 0);
