// What a vendor has beside the OAuth 2 endpoints: keys, HTTP Basic, a login of its own, a GitHub App.
//
//   GET    /basic/me                  by HTTP Basic: user `avery` with the password `correct: hörse`
//   GET    /key/header, /key/query    a key in the header `x-api-key`, in the parameter `api_key`
//   POST   /key/body                  a key as the member `service_key` of a JSON object
//   POST   /login                     {"user", "password"} for {"session": {"token", "ends"}}
//   POST   /app/installations/4711/access_tokens
//                                     a JWT of the app `app-1` for {"token", "expires_at"}
//   DELETE /installation/token        ends the token it comes with
//
// A token opens the API of server.mjs. Each refusal says why in a sentence.
import { createHash, timingSafeEqual } from 'node:crypto';

export const KEY = 'key & of=the/tests é';
const PASSWORD = 'correct: hörse';
const APP = 'app-1';
const INSTALLATION = '/app/installations/4711/access_tokens';
const TOKEN_SECONDS = 3600;

const same = (one, other) => {
  const print = (text) => createHash('sha256').update(String(text)).digest();
  return timingSafeEqual(print(one), print(other));
};
const account = (id) => ({ id, name: `Account ${id}`, email: `${id}@example.com` });
const refused = (message) => [401, { error: { message } }];

/** The answer of one of these routes, [status, body]; nothing for another path. */
export async function vendor(request, url, { jose, publicKey, issue, end }) {
  const body = await text(request);
  const authorization = request.headers.authorization ?? '';
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /basic/me':
      return same(authorization, `Basic ${Buffer.from(`avery:${PASSWORD}`).toString('base64')}`)
        ? [200, account('avery')] : refused('User or password are wrong');
    case 'GET /key/header':
      // Header values arrive as Latin-1; what was sent is UTF-8.
      return keyed(Buffer.from(request.headers['x-api-key'] ?? '', 'latin1').toString());
    case 'GET /key/query':
      return keyed(url.searchParams.getAll('api_key').join());
    case 'POST /key/body':
      return keyed(json(request, body)?.service_key);
    case 'POST /login': {
      const given = json(request, body);
      if (given?.user !== 'avery' || given.password !== PASSWORD) return refused('User or password are wrong');
      const ends = new Date(Date.now() + TOKEN_SECONDS * 1000).toISOString();
      return [200, { session: { token: await issue('avery'), ends } }];
    }
    case `POST ${INSTALLATION}`: {
      const problem = await notTheApp(jose, publicKey, authorization);
      if (problem) return [401, { message: problem, documentation_url: 'https://docs.peer.example' }];
      const expires_at = new Date(Date.now() + TOKEN_SECONDS * 1000).toISOString().replace(/\.\d+Z/, 'Z');
      return [201, { token: await issue('installation'), expires_at, permissions: {}, repository_selection: 'all' }];
    }
    case 'DELETE /installation/token':
      return await end(/^bearer (\S+)$/i.exec(authorization)?.[1] ?? '') ? [204] : refused('Bad credentials');
    default:
      return url.pathname.startsWith('/app/') ? [404, { message: 'Not Found' }] : undefined;
  }
}

function keyed(key) {
  return same(key ?? '', KEY) ? [200, account('key')] : refused('This key is not known here');
}

/** Why a JWT is not one that the app may come with; nothing when it is. */
async function notTheApp(jose, publicKey, authorization) {
  const jwt = /^bearer (\S+)$/i.exec(authorization)?.[1] ?? '';
  let told;
  try {
    told = await jose.jwtVerify(jwt, publicKey, { algorithms: ['RS256'], requiredClaims: ['iss', 'iat', 'exp'] });
  } catch (error) {
    return error.claim === 'exp'
      ? "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires."
      : 'A JSON web token could not be decoded';
  }
  const { payload, protectedHeader } = told;
  const now = Date.now() / 1000;
  if (payload.iss !== APP) return "'Issuer' claim ('iss') must be an Integer";
  if (payload.exp > now + 600) return "'Expiration time' claim ('exp') is too far in the future";
  if (payload.iat > now) return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  const more = [...Object.keys(payload), ...Object.keys(protectedHeader)]
    .filter((name) => !['iss', 'iat', 'exp', 'alg', 'typ'].includes(name));
  return more.length ? `what is \`${more}\`?` : undefined;
}

function json(request, body) {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return undefined;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

async function text(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
