// People sign in: unmodified MCP clients that know nothing but a URL find the gateway's metadata, the
// façade and Entra behind it, register, get a code and a token, and ask for more when a call takes
// more. Entra is played as it is where it matters: it refuses `resource`, wants whole names of
// scopes, registers nobody and says nothing of S256.
//
//   node signin.mjs SLUICE DIRECTORY PYTHON SIGNIN.PY

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, createSign, generateKeyPairSync, randomInt, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as newer from '@modelcontextprotocol/client';

const TENANT = '7e2f0000-0000-4000-8000-000000000001';
const APPLICATION = '7e2f0000-0000-4000-8000-00000000000a';
const REDIRECT = 'http://127.0.0.1:33418/callback';

const [sluice, place, python, script] = process.argv.slice(2);

const listening = (server) =>
  new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
const bodyOf = async (stream) => {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
};

/** Entra's code flow: `seen` holds the scopes of every request to its page. */
class Entra {
  seen = [];
  #codes = new Map();
  #consented = new Set();
  #key = generateKeyPairSync('rsa', { modulusLength: 2048 });

  async start(cert, key) {
    const server = createServer({ cert, key }, (asked, answer) => this.#answer(asked, answer));
    this.url = `https://localhost:${await listening(server)}`;
  }

  async #answer(asked, answer) {
    const url = new URL(asked.url, this.url);
    const say = (status, body, headers = {}) =>
      answer.writeHead(status, headers).end(body && JSON.stringify(body));
    const base = `/${TENANT}`;
    switch (url.pathname) {
      case `${base}/v2.0/.well-known/openid-configuration`:
        return say(200, this.#document());
      case `${base}/discovery/v2.0/keys`: {
        const jwk = this.#key.publicKey.export({ format: 'jwk' });
        return say(200, { keys: [{ ...jwk, kid: 'k', use: 'sig' }] });
      }
      case `${base}/oauth2/v2.0/authorize`:
        return this.#page(url.searchParams, say);
      case `${base}/oauth2/v2.0/token`:
        return this.#token(new URLSearchParams(await bodyOf(asked)), say);
      default:
        return say(404);
    }
  }

  #document() {
    const base = `${this.url}/${TENANT}`;
    return {
      issuer: `${base}/v2.0`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      response_types_supported: ['code', 'id_token'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    };
  }

  #page(query, say) {
    if (query.has('resource')) return say(400, { error: 'AADSTS9010010' });
    const scopes = query.get('scope').split(' ');
    const own = (scope) => scope.startsWith('api://sluice/') || scope === 'offline_access';
    if (!scopes.every(own)) return say(400, { error: `AADSTS650053: ${scopes}` });
    if (query.get('client_id') !== APPLICATION || query.get('redirect_uri') !== REDIRECT) {
      return say(400, { error: 'AADSTS50011' });
    }
    this.seen.push(scopes);
    scopes.forEach((scope) => this.#consented.add(scope));
    const code = randomUUID();
    this.#codes.set(code, query.get('code_challenge'));
    const back = new URL(REDIRECT);
    back.search = new URLSearchParams({ code, state: query.get('state') ?? '' });
    say(302, null, { Location: back.href });
  }

  #token(form, say) {
    if (form.has('resource')) return say(400, { error: 'invalid_target' });
    const verifier = form.get('code_verifier') ?? '';
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    if (this.#codes.get(form.get('code')) !== challenge) return say(400, { error: 'invalid_grant' });
    this.#codes.delete(form.get('code'));
    // The token has everything that the person ever allowed this client.
    const granted = [...this.#consented].filter((scope) => scope.startsWith('api://'));
    const scp = granted.map((scope) => scope.split('/').at(-1)).join(' ');
    say(200, { token_type: 'Bearer', expires_in: 600, access_token: this.#sign(scp) });
  }

  #sign(scp) {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: `${this.url}/${TENANT}/v2.0`,
      aud: APPLICATION,
      tid: TENANT,
      ver: '2.0',
      oid: '0b1c0000-0000-4000-8000-000000000002',
      sub: 'pairwise',
      azp: APPLICATION,
      azpacr: '0',
      uti: randomUUID(),
      scp,
      iat: now,
      nbf: now,
      exp: now + 600,
    };
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'RS256', typ: 'JWT', kid: 'k' })}.${part(claims)}`;
    const signature = createSign('RSA-SHA256').update(signed).sign(this.#key.privateKey);
    return `${signed}.${signature.toString('base64url')}`;
  }
}

/** An MCP server with a tool to read by and one to write by. */
async function startServer() {
  const server = createPlain(async (asked, answer) => {
    const mcp = new McpServer({ name: 'tickets', version: '1' });
    for (const tool of ['search_tickets', 'close_ticket']) {
      mcp.registerTool(tool, { description: tool }, async () => ({
        content: [{ type: 'text', text: `${tool} done` }],
      }));
    }
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await mcp.connect(transport);
    await transport.handleRequest(asked, answer);
  });
  return `http://127.0.0.1:${await listening(server)}/mcp`;
}

/**
 * A port that nobody has, nor is given who asks for any: it is below those (`ip_local_port_range`).
 * One of those may be another's again before the gateway listens there.
 */
async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    const server = createPlain();
    const free = await new Promise((done) => {
      server.once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => done(true));
    });
    if (!free) continue;
    await new Promise((done) => server.close(done));
    return port;
  }
}

/** The gateway: the URL of its connection, and how to stop it. */
async function startGateway(entra, upstream) {
  const facade = await freePort();
  const policy = (name, scope, tools) => ({
    name,
    connection: 'tickets',
    who: { issuer: 'entra', scopes: [scope] },
    rules: [{ allow: `tools/call ${tools}` }],
  });
  const config = {
    listeners: [{ bind: '127.0.0.1:0' }],
    admin: { bind: '127.0.0.1:0' },
    data: 'data',
    access_log: 'file:access.log',
    issuers: {
      entra: {
        kind: 'entra',
        tenant: TENANT,
        authority: entra.url,
        ca_file: 'ca.pem',
        audiences: ['api://sluice', APPLICATION],
        facade: {
          bind: `127.0.0.1:${facade}`,
          public_url: `http://127.0.0.1:${facade}`,
          client_id: APPLICATION,
        },
      },
    },
    connections: {
      tickets: { protocol: 'mcp', upstream, record: 'buffered', scopes: ['tickets.read'] },
    },
    routes: [{ path: '/mcp/tickets/**', connection: 'tickets' }],
    policies: [
      policy('readers', 'tickets.read', 'search_*'),
      policy('writers', 'tickets.write', 'close_*'),
    ],
  };
  // JSON is YAML, too.
  writeFileSync(join(place, 'sluice.yaml'), JSON.stringify(config));
  const program = spawn(sluice, ['serve', '-c', join(place, 'sluice.yaml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.on('exit', () => program.kill());
  const said = [];
  const port = await new Promise((done, fail) => {
    for (const stream of [program.stdout, program.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const port = line.match(/listening on 127\.0\.0\.1:(\d+)/)?.[1];
        if (port) done(port);
        else if (process.env.VERBOSE) console.error(line);
        said.push(line);
      });
    }
    // Once its streams are read to their end: the last line says why.
    program.on('close', (code) => {
      fail(new Error(`the gateway ended with ${code}:\n${said.join('\n')}`));
    });
  });
  await knowsEntra(`http://127.0.0.1:${facade}/.well-known/oauth-authorization-server`);
  return { url: `http://127.0.0.1:${port}/mcp/tickets`, stop: () => ended(program) };
}

/** Waits until the façade has read Entra's metadata: until then it has none to tell. */
async function knowsEntra(metadata) {
  for (const started = Date.now(); Date.now() - started < 20_000; ) {
    const answer = await fetch(metadata).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error('the façade knows nothing of Entra');
}

/** What a client keeps of a person's sign-in, and the page it wants opened. */
class Keeps {
  redirectUrl = REDIRECT;
  clientMetadata = { client_name: 'peer', redirect_uris: [REDIRECT] };
  #kept = {};
  clientInformation = () => this.#kept.client;
  saveClientInformation = (client) => void (this.#kept.client = client);
  tokens = () => this.#kept.tokens;
  saveTokens = (tokens) => void (this.#kept.tokens = tokens);
  codeVerifier = () => this.#kept.verifier;
  saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier);
  discoveryState = () => this.#kept.discovery;
  saveDiscoveryState = (discovery) => void (this.#kept.discovery = discovery);
  redirectToAuthorization = (url) => void (this.page = url);
}

/** What a browser does: from page to page until one is the client's own; answers the code. */
async function browse(page, ca) {
  let url = new URL(page);
  for (let hop = 0; hop < 5; hop += 1) {
    if (url.href.startsWith(REDIRECT)) return url.searchParams.get('code');
    const location = url.protocol === 'https:' ? await overTls(url, ca) : await plainly(url);
    url = new URL(location, url);
  }
  throw new Error('no end of redirects');
}

async function plainly(url) {
  const answer = await fetch(url, { redirect: 'manual' });
  assert.equal(answer.status, 302, await answer.text());
  return answer.headers.get('location');
}

function overTls(url, ca) {
  return new Promise((done, fail) => {
    const asked = request(url, { ca }, async (answer) => {
      const text = await bodyOf(answer);
      if (answer.statusCode === 302) done(answer.headers.location);
      else fail(new Error(`Entra says ${answer.statusCode}: ${text}`));
    });
    asked.on('error', fail).end();
  });
}

/** A client of one library on Node, from its URL to a call that takes one scope more. */
async function signIn({ Client, StreamableHTTPClientTransport: Transport }, Unauthorized, url, ca) {
  const keeps = new Keeps();
  const fresh = () => new Transport(new URL(url), { authProvider: keeps });
  const signed = async (transport, work) => {
    await assert.rejects(work, Unauthorized);
    await transport.finishAuth(await browse(keeps.page, ca));
  };

  const first = fresh();
  await signed(first, () => new Client({ name: 'peer', version: '1' }).connect(first));
  const client = new Client({ name: 'peer', version: '1' });
  const transport = fresh();
  await client.connect(transport);

  const call = async (name) => (await client.callTool({ name, arguments: {} })).content[0].text;
  assert.equal(await call('search_tickets'), 'search_tickets done');
  await signed(transport, () => call('close_ticket'));
  assert.equal(await call('close_ticket'), 'close_ticket done');
  await client.close();
}

/** Ends a program, and waits until it has. */
function ended(program) {
  return new Promise((done) => {
    program.once('exit', done);
    program.kill();
  });
}

/** The one in Python opens the pages while its calls wait. */
function signInWithPython(url) {
  const program = spawn(python, [script, url, join(place, 'ca.pem')], { stdio: 'inherit' });
  return new Promise((done, fail) => {
    program.on('exit', (code) => (code === 0 ? done() : fail(new Error(`Python ends with ${code}`))));
  });
}

execFileSync(sluice, ['demo', '--only', 'certificate', '--out', place]);
const pem = (name) => readFileSync(join(place, name));
const clients = {
  sdk: (url) => signIn({ Client, StreamableHTTPClientTransport }, UnauthorizedError, url, pem('ca.pem')),
  client: (url) => signIn(newer, newer.UnauthorizedError, url, pem('ca.pem')),
  mcp: signInWithPython,
};
for (const [name, signIn] of Object.entries(clients)) {
  // A person of their own, who has allowed nothing yet.
  const entra = new Entra();
  await entra.start(pem('server.crt'), pem('server.key'));
  const gateway = await startGateway(entra, await startServer());
  await signIn(gateway.url);
  await gateway.stop();
  const asked = entra.seen.map((scopes) => scopes.filter((scope) => scope.startsWith('api')));
  assert.equal(asked.length, 2, `${name} goes to Entra's page twice`);
  assert.deepEqual(asked[0], ['api://sluice/tickets.read']);
  assert.ok(asked[1].includes('api://sluice/tickets.write'), `${asked}`);
  console.log(`${name}: a person signs in, and once more for a call that takes more`);
}
process.exit(0);
