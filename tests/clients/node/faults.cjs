"use strict";
// A proxy that spoils the first answer, whatever the server has made of the request by then.

const http = require("node:http");

const PATIENCE_MS = 60_000;

/**
 * Runs `use` with a proxy before the server at `url`. `fault` is what the client gets for its first request:
 * `busy`: 503 with Retry-After, once the server has answered; `cut`: the connection ends as soon as the server has
 * taken the work, which `taken` tells.
 */
async function throughFault(url, fault, taken, use) {
  let requests = 0;
  const server = http.createServer((request, response) => {
    requests += 1;
    passOn(new URL(url), request, response, requests === 1 ? fault : null, taken);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use({ url: `http://127.0.0.1:${server.address().port}`, requests: () => requests });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function passOn(upstream, request, response, fault, taken) {
  const { hostname, port } = upstream;
  const headers = { ...request.headers, host: upstream.host };
  const options = { hostname, port, path: request.url, method: request.method, headers, timeout: PATIENCE_MS };
  const forward = http.request(options, (answer) => {
    const chunks = [];
    answer.on("data", (chunk) => chunks.push(chunk));
    answer.on("end", () => reply(answer, Buffer.concat(chunks), response, fault));
  });
  forward.on("timeout", () => forward.destroy());
  forward.on("error", () => response.destroy());
  request.pipe(forward);
  if (fault === "cut") {
    forward.on("finish", async () => {
      await untilTaken(taken);
      forward.destroy();
      response.destroy();
    });
  }
}

async function untilTaken(taken) {
  const until = Date.now() + PATIENCE_MS;
  while (!(await taken()) && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function reply(answer, body, response, fault) {
  if (fault === "busy") {
    response.writeHead(503, { "retry-after": "1" }).end();
    return;
  }
  response.writeHead(answer.statusCode, { ...answer.headers, "content-length": body.length }).end(body);
}

module.exports = { throughFault };
