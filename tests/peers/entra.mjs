// oidc-provider, a certified OpenID provider, on Entra's paths and with Entra's claims.
//
//   node entra.mjs CAST.json
//
// CAST.json: { tenant, cert, key, clients: [{ name, client_id, secret, certificate, oid, roles, groups,
//              alg, life, version }], users: [{ name, password, oid }] }
//
// Of two kinds of grant that Entra has and oidc-provider does not, the provider is taught as much as
// libraries need: a user's password, and a token on behalf of a user. A request with `claims` gets a token
// with the authentication context that they ask for.
//
// Prints one line of JSON once it listens. Reads orders from standard input, one a line: `rotate`
// replaces every signing key and answers with a line. Ends when standard input does.

import { createHash, generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';

import { createLocalJWKSet, jwtVerify } from 'jose';
import Provider from 'oidc-provider';

const cast = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const clients = new Map(cast.clients.map((client) => [client.client_id, client]));
const prefix = `/${cast.tenant}`;
const PASSWORD = 'password';
const ON_BEHALF_OF = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** New signing keys. The RSA key names no algorithm: it serves RS256 and PS256, as Entra's may. */
function freshKeys() {
  const pairs = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ];
  return pairs.map(({ privateKey }) => {
    const jwk = privateKey.export({ format: 'jwk' });
    const kid = createHash('sha256').update(jwk.n ?? jwk.x).digest('base64url');
    return { ...jwk, kid, use: 'sig' };
  });
}

/** Who acts through a request, where that is a user: { user, scp, acrs }. */
const acting = new WeakMap();

const publicHalf = ({ kty, kid, n, e, crv, x, y }) => ({ kty, kid, n, e, crv, x, y });

/** What Entra adds to an access token. */
function claims(ctx, token) {
  const client = clients.get(token.clientId);
  const act = acting.get(ctx);
  const acrs = act?.acrs ?? contexts(ctx.oidc.body?.claims);
  return {
    tid: cast.tenant,
    ...(act
      ? { oid: act.user.oid, name: act.user.name, scp: act.scp }
      : { oid: client.oid, idtyp: 'app', roles: client.roles, groups: client.groups }),
    ...(acrs ? { acrs } : {}),
    uti: randomUUID(),
    ...(client.version === '1.0'
      ? { ver: '1.0', appid: client.client_id }
      : { ver: '2.0', azp: client.client_id }),
  };
}

/** The authentication contexts that a `claims` parameter asks for. */
function contexts(claims) {
  const asked = claims && JSON.parse(claims).access_token?.acrs?.value;
  return asked ? [asked] : undefined;
}

/** A token for the API that the first scope names, in a user's name. */
async function issue(ctx, act) {
  const { client, params, provider } = ctx.oidc;
  const [, name, scp] = params.scope.match(/^(\S+)\/([^\s/]+)/);
  acting.set(ctx, { ...act, scp: scp === '.default' ? 'user_impersonation' : scp });
  const token = new provider.ClientCredentials({ client });
  token.resourceServer = new provider.ResourceServer(name, {
    audience: name,
    accessTokenFormat: 'jwt',
    accessTokenTTL: 3600,
    jwt: { sign: { alg: clients.get(client.clientId).alg ?? 'RS256' } },
  });
  const value = await token.save();
  ctx.body = { token_type: 'Bearer', expires_in: 3600, access_token: value };
}

function refuse(ctx, error) {
  ctx.status = 400;
  ctx.body = { error };
}

/** The password of a user (RFC 6749, section 4.3). */
async function password(ctx) {
  const { username, password: shown } = ctx.oidc.params;
  const user = cast.users.find((one) => one.name === username && one.password === shown);
  if (!user) return refuse(ctx, 'invalid_grant');
  return issue(ctx, { user });
}

/** On behalf of the user whose token is shown, which must be for the client that asks. */
async function onBehalfOf(ctx) {
  const { client, params } = ctx.oidc;
  const { api } = clients.get(client.clientId);
  try {
    if (params.requested_token_use !== 'on_behalf_of') throw new Error('requested_token_use');
    const { payload } = await jwtVerify(params.assertion, createLocalJWKSet({ keys: keys.map(publicHalf) }), {
      audience: api,
    });
    const user = cast.users.find((one) => one.oid === payload.oid);
    if (!user) throw new Error('not a user');
    return await issue(ctx, { user, acrs: contexts(ctx.oidc.body.claims) ?? payload.acrs });
  } catch (error) {
    console.error(`on behalf of: ${error.message}`);
    return refuse(ctx, 'invalid_grant');
  }
}

/** How a client is registered: with a secret, or with the key of a certificate. */
function registration({ client_id, secret, certificate }) {
  const about = {
    client_id,
    grant_types: ['client_credentials', PASSWORD, ON_BEHALF_OF],
    redirect_uris: [],
    response_types: [],
  };
  if (!certificate) {
    return { ...about, client_secret: secret, token_endpoint_auth_method: 'client_secret_post' };
  }
  const { publicKey } = new X509Certificate(readFileSync(certificate));
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), use: 'sig' }] };
  return { ...about, jwks, token_endpoint_auth_method: 'private_key_jwt' };
}

/** The rest of Entra's form: `typ`, `nbf`, the object as `sub`, and the issuer of version 1. */
function shape(ctx, token, jwt) {
  const client = clients.get(token.clientId);
  jwt.header = { typ: 'JWT' };
  jwt.payload.sub = acting.get(ctx)?.user.oid ?? client.oid;
  jwt.payload.nbf = jwt.payload.iat;
  delete jwt.payload.client_id;
  delete jwt.payload.scope;
  if (client.version === '1.0') {
    jwt.payload.iss = `${origin}${prefix}/`;
  }
}

/** Entra has no `resource` parameter: the resource is the scope `RESOURCE/.default`. */
function resource(ctx) {
  return ctx.oidc.params.scope?.match(/^(\S+)\/\.default$/)?.[1];
}

function provider() {
  keys = freshKeys();
  const made = new Provider(`${origin}${prefix}/v2.0`, {
    clients: cast.clients.map(registration),
    jwks: { keys },
    routes: { token: '/oauth2/v2.0/token', jwks: '/discovery/v2.0/keys' },
    extraTokenClaims: claims,
    formats: { customizers: { jwt: shape } },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: resource,
        getResourceServerInfo: (ctx, name, client) => ({
          audience: name,
          scope: `${name}/.default`,
          accessTokenFormat: 'jwt',
          accessTokenTTL: clients.get(client.clientId).life ?? 3600,
          jwt: { sign: { alg: clients.get(client.clientId).alg ?? 'RS256' } },
        }),
      },
    },
  });
  made.registerGrantType(PASSWORD, password, ['username', 'password', 'scope']);
  const behalf = ['assertion', 'requested_token_use', 'scope'];
  made.registerGrantType(ON_BEHALF_OF, onBehalfOf, behalf);
  made.on('server_error', (ctx, error) => console.error(error));
  made.on('grant.error', (ctx, error) => console.error(error.message, error.error_detail ?? ''));
  return made.callback();
}

/** Entra's metadata stand below `/TENANT/v2.0`, its other paths below `/TENANT`. */
function answer(request, response) {
  const path = request.url.replace(`${prefix}/v2.0/.well-known/`, `${prefix}/.well-known/`);
  if (!path.startsWith(`${prefix}/`)) {
    response.writeHead(404).end();
    return;
  }
  console.error(`${request.method} ${request.url}`);
  // What stands in `originalUrl` before `url` is where the provider believes itself mounted.
  request.originalUrl = path;
  request.url = path.slice(prefix.length);
  serve(request, response);
}

let origin;
let serve;
let keys;
const tls = { cert: readFileSync(cast.cert), key: readFileSync(cast.key) };
const server = createServer(tls, answer);
server.listen(0, '127.0.0.1', () => {
  origin = `https://127.0.0.1:${server.address().port}`;
  serve = provider();
  console.log(JSON.stringify({ url: origin }));
});

const orders = createInterface({ input: process.stdin });
orders.on('line', (order) => {
  if (order === 'rotate') {
    serve = provider();
    console.log(JSON.stringify({ rotated: true }));
  }
});
orders.on('close', () => process.exit(0));
