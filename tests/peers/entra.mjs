// oidc-provider, a certified OpenID provider, on Entra's paths and with Entra's claims.
//
//   node entra.mjs CAST.json
//
// CAST.json: { tenant, cert, key, clients: [{ name, client_id, secret, oid, roles, groups,
//              alg, life, version }] }
//
// Prints one line of JSON once it listens. Reads orders from standard input, one a line: `rotate`
// replaces every signing key and answers with a line. Ends when standard input does.

import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

const cast = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const clients = new Map(cast.clients.map((client) => [client.client_id, client]));
const prefix = `/${cast.tenant}`;

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

/** What Entra adds to an app-only access token. */
function claims(ctx, token) {
  const client = clients.get(token.clientId);
  return {
    tid: cast.tenant,
    oid: client.oid,
    idtyp: 'app',
    roles: client.roles,
    groups: client.groups,
    uti: randomUUID(),
    ...(client.version === '1.0'
      ? { ver: '1.0', appid: client.client_id }
      : { ver: '2.0', azp: client.client_id }),
  };
}

/** The rest of Entra's form: `typ`, `nbf`, the object as `sub`, and the issuer of version 1. */
function shape(ctx, token, jwt) {
  const client = clients.get(token.clientId);
  jwt.header = { typ: 'JWT' };
  jwt.payload.sub = client.oid;
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
  const made = new Provider(`${origin}${prefix}/v2.0`, {
    clients: cast.clients.map(({ client_id, secret }) => ({
      client_id,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
    })),
    jwks: { keys: freshKeys() },
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
