// An OAuth 2 provider for the tests of connections: oidc-provider with every grant that Hushgate speaks.
//
//   HUSHGATE_PEERS=<folder with node_modules> [ACCESS_TOKEN_SECONDS=3600] [CLIENT_CERTIFICATE=FILE] node server.mjs
//
// It prints one line of JSON when it listens: {"issuer", "private_key", "key", "fingerprint"}; the private key, in PEM, is
// that of the clients `machine-jwt` and `bearer` and of the app in vendor.mjs, the other key is the one that
// is asked for there. The clients are below; their secret is `a secret of the tests only`. The client
// `machine-certificate` must name the certificate in FILE, which holds its public key.
// Refresh tokens are for one use: the reuse of one revokes all that came of its consent. People sign in
// with any name and password on the provider's own pages, on which they also consent.
//
//   /oauth/token, /oauth/authorize (also /authorize), /oauth/device, /oauth/revoke, /device   the protocols
//   POST /control/seed?client=ID   a refresh token as a consent gives it: {"refresh_token"}
//   POST /control/token            an access token as a person makes it by hand: {"access_token"}
//   POST /control/lose?answers=N   the next N token requests are served, but their answers are lost
//   GET  /control/events           {"granted": {GRANT: N}, "refused": [[CODE, TEXT]], "revoked": N}
//   GET  /control/last             the parameters of the last token request
//   GET  /oauth/token/accessible-resources, any other path
//                                  the API: the account, for a living access token; 401 for another
//   what is in vendor.mjs            keys, HTTP Basic, a login, a GitHub App
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createPublicKey, generateKeyPairSync, randomUUID, verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KEY, vendor } from './vendor.mjs';

const peers = createRequire(join(process.env.HUSHGATE_PEERS, 'peers.js'));
const { Provider, errors } = await import(pathToFileURL(peers.resolve('oidc-provider')));
const jose = await import(pathToFileURL(peers.resolve('jose')));

const SECRET = 'a secret of the tests only';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';
const JWT_TOKEN = 'urn:ietf:params:oauth:token-type:jwt';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const publicKey = createPublicKey(privateKey);
const signing = (key) => ({ ...key.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' });
const certificate = process.env.CLIENT_CERTIFICATE
  && new X509Certificate(readFileSync(process.env.CLIENT_CERTIFICATE));

const client = (client_id, grant_types, more = {}) => ({
  client_id,
  client_secret: SECRET,
  grant_types,
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_post',
  ...more,
});
const consented = {
  redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'],
  response_types: ['code'],
  // Any port of this machine is a redirect for native applications (RFC 8252 section 7.3).
  application_type: 'native',
};
const byKey = (key) => ({
  client_secret: undefined,
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'RS256',
  jwks: { keys: [signing(key)] },
});
const open = { client_secret: undefined, token_endpoint_auth_method: 'none' };

const clients = [
  client('machine-body', ['client_credentials']),
  client('machine-basic', ['client_credentials'], { token_endpoint_auth_method: 'client_secret_basic' }),
  client('machine-jwt', ['client_credentials'], byKey(publicKey)),
  ...certificate ? [client('machine-certificate', ['client_credentials'], byKey(certificate.publicKey))] : [],
  client('app', ['authorization_code', 'refresh_token'], consented),
  client('app-basic', ['authorization_code', 'refresh_token'], {
    ...consented, token_endpoint_auth_method: 'client_secret_basic',
  }),
  client('app-public', ['authorization_code', 'refresh_token'], { ...consented, ...open }),
  client('device', [DEVICE_CODE, 'refresh_token'], { ...open, application_type: 'native' }),
  client('person', ['password', 'refresh_token']),
  client('exchanger', [TOKEN_EXCHANGE]),
  client('account', ['account_credentials'], { token_endpoint_auth_method: 'client_secret_basic' }),
  client('bearer', [JWT_BEARER]),
];

const events = { granted: {}, refused: [], revoked: 0 };
let last = {};
let lost = 0;

function configuration() {
  return {
    clients,
    jwks: { keys: [signing(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)] },
    scopes: ['openid', 'offline_access', 'api'],
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      device_authorization: '/oauth/device',
      revocation: '/oauth/revoke',
      code_verification: '/device',
    },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: { enabled: false },
    },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, asked) => asked.grantTypeAllowed('refresh_token'),
    findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    clientBasedCORS: () => false,
    cookies: { keys: [randomUUID()] },
    ttl: {
      AccessToken: Number(process.env.ACCESS_TOKEN_SECONDS ?? 3600),
      ClientCredentials: Number(process.env.ACCESS_TOKEN_SECONDS ?? 3600),
      RefreshToken: 86_400,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 600,
      DeviceCode: 600,
      AuthorizationCode: 60,
    },
  };
}

/** A grant of an account to a client, as a consent makes it. */
async function consent(provider, asked, accountId) {
  const grant = new provider.Grant({ accountId, clientId: asked.clientId });
  grant.addOIDCScope('openid offline_access api');
  return { accountId, client: asked, grantId: await grant.save(), scope: 'openid offline_access api' };
}

/** Answers a token request of a grant that the library does not have. */
async function answer(ctx, provider, accountId, gty, more = {}) {
  const base = { ...await consent(provider, ctx.oidc.client, accountId), gty };
  const token = new provider.AccessToken(base);
  ctx.body = {
    access_token: await token.save(),
    expires_in: token.expiration,
    token_type: token.tokenType,
    ...ctx.oidc.client.grantTypeAllowed('refresh_token')
      && { refresh_token: await new provider.RefreshToken(base).save() },
    ...more,
  };
}

/** The claims of a JWT that our key signed for the token endpoint. */
function claims(ctx, jwt) {
  const [header, payload, signature] = String(jwt).split('.');
  const good = signature && verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url'));
  if (!good) throw new errors.InvalidGrant('assertion is forged');
  const told = JSON.parse(Buffer.from(payload, 'base64url'));
  const now = Date.now() / 1000;
  const lives = told.exp > now && told.exp - told.iat <= 3600 && told.iat <= now + 30;
  if (!lives || told.aud !== ctx.oidc.urlFor('token')) throw new errors.InvalidGrant('assertion is not for here and now');
  return told;
}

const grants = (provider) => ({
  password: [['username', 'password', 'scope'], async (ctx) => {
    const { username, password } = ctx.oidc.params;
    if (username !== 'avery' || password !== 'correct horse') throw new errors.InvalidGrant('no such account');
    await answer(ctx, provider, username, 'password');
  }],
  account_credentials: [['account_id'], async (ctx) => {
    if (ctx.oidc.params.account_id !== 'account-1') throw new errors.InvalidGrant('no such account');
    await answer(ctx, provider, 'account-1', 'account_credentials');
  }],
  [JWT_BEARER]: [['assertion', 'scope'], async (ctx) => {
    const told = claims(ctx, ctx.oidc.params.assertion);
    await answer(ctx, provider, told.sub ?? told.iss, 'jwt-bearer');
  }],
  [TOKEN_EXCHANGE]: [['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope'], async (ctx) => {
    const { subject_token, subject_token_type } = ctx.oidc.params;
    const known = { 'subject-token-of-the-tests': JWT_TOKEN };
    if (!known[subject_token] || known[subject_token] !== subject_token_type) throw new errors.InvalidRequest('subject token is not known');
    await answer(ctx, provider, 'workload', 'token-exchange', { issued_token_type: ACCESS_TOKEN });
  }],
});

/** Whether the header of an assertion names the certificate by its SHA-1 (RFC 7515 section 4.1.7). */
function namesCertificate(assertion) {
  const { x5t } = jose.decodeProtectedHeader(assertion);
  return x5t === Buffer.from(certificate.fingerprint.replaceAll(':', ''), 'hex').toString('base64url');
}

function start(issuer) {
  const provider = new Provider(issuer, configuration());
  for (const [name, [params, serve]] of Object.entries(grants(provider))) {
    provider.registerGrantType(name, serve, params);
  }
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path !== '/oauth/token') return;
    last = ctx.oidc?.body ?? {};
    if (last.client_id === 'machine-certificate' && ctx.status === 200 && !namesCertificate(last.client_assertion)) {
      ctx.status = 401;
      ctx.body = { error: 'invalid_client', error_description: 'AADSTS700027: the certificate with this identifier is not registered' };
    }
  });
  provider.on('grant.success', (ctx) => {
    const grant = ctx.oidc.params.grant_type;
    events.granted[grant] = (events.granted[grant] ?? 0) + 1;
  });
  provider.on('grant.error', (ctx, error) => events.refused.push([error.error, error.error_detail ?? error.error_description]));
  provider.on('grant.revoked', () => { events.revoked += 1; });
  return provider;
}

// As the API of Atlassian has it, beside its token endpoint.
const SITES = '/oauth/token/accessible-resources';
const PROTOCOLS = /^\/(oauth|device|interaction|session|\.well-known|jwks|me)(\/|$)/;

/** An access token of an account that came of no grant. */
async function issue(provider, client, accountId) {
  const asked = await provider.Client.find(client);
  return new provider.AccessToken({ ...await consent(provider, asked, accountId), gty: 'made by hand' }).save();
}

/** Ends a living access token; whether there was one. */
async function end(provider, token) {
  const found = await provider.AccessToken.find(token);
  await found?.destroy();
  return Boolean(found);
}

async function control(provider, url) {
  if (url.pathname === '/control/seed') {
    const asked = await provider.Client.find(url.searchParams.get('client'));
    const base = { ...await consent(provider, asked, 'avery'), gty: 'authorization_code' };
    return { refresh_token: await new provider.RefreshToken(base).save() };
  }
  if (url.pathname === '/control/token') return { access_token: await issue(provider, 'person', 'avery') };
  if (url.pathname === '/control/lose') lost = Number(url.searchParams.get('answers'));
  return url.pathname === '/control/last' ? last : events;
}

async function api(provider, request, path) {
  const token = /^bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const found = await provider.AccessToken.find(token) ?? await provider.ClientCredentials.find(token);
  if (!found || found.isExpired) return [401, { error: 'invalid_token', message: 'This token is not known here' }];
  const id = found.accountId ?? found.clientId;
  const account = { id, name: `Account ${id}`, email: `${id}@example.com` };
  return [200, path === SITES ? [account] : account];
}

let provider;
const server = createServer(async (request, response) => {
  if (request.url.startsWith('/authorize?')) request.url = `/oauth${request.url}`;
  const url = new URL(request.url, 'http://127.0.0.1');
  if (PROTOCOLS.test(url.pathname) && url.pathname !== SITES) {
    if (url.pathname === '/oauth/token' && lost > 0) {
      lost -= 1;
      // The request is served to its end; what would be written goes nowhere.
      response.writeHead = () => response;
      response.write = () => true;
      response.end = () => { request.socket.resetAndDestroy(); return response; };
    }
    provider.callback()(request, response);
    return;
  }
  const [status, body] = url.pathname.startsWith('/control/')
    ? [200, await control(provider, url)]
    : await vendor(request, url, {
      jose, publicKey, issue: (id) => issue(provider, 'person', id), end: (token) => end(provider, token),
    }) ?? await api(provider, request, url.pathname);
  response.writeHead(status, body && { 'content-type': 'application/json' });
  response.end(body && JSON.stringify(body));
});

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = start(issuer);
  console.log(JSON.stringify({
    issuer, private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }), key: KEY, fingerprint: certificate?.fingerprint,
  }));
});
// The test holds our standard input open; when it ends, however it ends, so do we.
process.stdin.on('end', () => process.exit(0)).resume();
