// An OpenID Connect server for the tests: oidc-provider with one client per signature algorithm.
//
//   HUSHGATE_PEERS=<folder with node_modules> node server.mjs
//
// It prints one line of JSON when it listens: {"issuer": "http://127.0.0.1:PORT"}. Clients get JWT
// access tokens by client credentials; the client's id is the token's subject, its name says the
// algorithm. Beside the server's own routes:
//
//   POST /control/rotate      new keys of every kind; the old ones are gone from the key set
//   POST /control/add         new keys first in line; the old ones stay published
//   POST /control/down, /up   answer every other route with 503, and normally again
//   GET  /control/fetches     how often the key set was asked for
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const peers = createRequire(join(process.env.HUSHGATE_PEERS, 'peers.js'));
const { Provider } = await import(pathToFileURL(peers.resolve('oidc-provider')));

const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];

function generateKey(alg) {
  const [type, options] = {
    RS256: ['rsa', { modulusLength: 2048 }],
    PS256: ['rsa', { modulusLength: 2048 }],
    ES256: ['ec', { namedCurve: 'P-256' }],
    EdDSA: ['ed25519', {}],
  }[alg];
  const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
  return { ...jwk, kid: randomUUID(), use: 'sig', alg };
}

function provider(issuer, keys) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: algorithms.map((alg) => ({
      client_id: `workload-${alg.toLowerCase()}`,
      client_secret: 'a secret of the tests only',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
    })),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource, client) => ({
          scope: 'api',
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 300,
          jwt: { sign: { alg: algorithms.find((alg) => client.clientId.endsWith(alg.toLowerCase())) } },
        }),
      },
    },
    cookies: { keys: [randomUUID()] },
  });
}

let handle;
let keys = algorithms.map(generateKey);
let down = false;
let fetches = 0;

const server = createServer((request, response) => {
  const control = {
    '/control/rotate': () => { keys = algorithms.map(generateKey); start(); },
    '/control/add': () => { keys = [...algorithms.map(generateKey), ...keys]; start(); },
    '/control/down': () => { down = true; },
    '/control/up': () => { down = false; },
    '/control/fetches': () => {},
  }[request.url];
  if (control) {
    control();
    response.end(String(fetches));
  } else if (down) {
    response.writeHead(503).end();
  } else {
    if (request.url === '/jwks') fetches += 1;
    handle(request, response);
  }
});

function start() {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  handle = provider(issuer, keys).callback();
  return issuer;
}

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ issuer: start() })));
// The test holds our standard input open; when it ends, however it ends, so do we.
process.stdin.on('end', () => process.exit(0)).resume();
