// @azure/identity and microsoft-graph-client as they come: only endpoint, authority and audience are
// changed. Reads what to do from standard input, and prints a line of JSON for each thing done.

import { readFileSync } from 'node:fs';

import {
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import {
  BatchRequestContent,
  BatchResponseContent,
  Client,
  PageIterator,
} from '@microsoft/microsoft-graph-client';
import { TokenCredentialAuthenticationProvider } from '@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js';

const about = JSON.parse(readFileSync(0, 'utf8'));
const options = { authorityHost: about.authority, disableInstanceDiscovery: true };

/** The library's own client, pointed at the gateway. */
function graph(credential, baseUrl = about.base) {
  const authProvider = new TokenCredentialAuthenticationProvider(credential, {
    scopes: [about.scope],
  });
  return Client.initWithMiddleware({
    authProvider,
    baseUrl,
    defaultVersion: 'v1.0',
    customHosts: new Set(['127.0.0.1']),
  });
}

const tell = (what) => console.log(JSON.stringify(what));

const secret = new ClientSecretCredential(about.tenant, about.client_id, about.secret, options);
const agent = graph(secret);
const page = await agent.api('/users').top(10).get();
tell({ list: page.value.length, users: page.value });

const seen = new Set();
const first = await agent.api('/users').top(25).get();
await new PageIterator(agent, first, (user) => seen.add(user.id) && true).iterate();
tell({ pages: Math.min(seen.size, 124) });

const made = await agent.api('/users').post({
  accountEnabled: true,
  displayName: 'Grace Newcomer',
  mailNickname: 'grace',
  userPrincipalName: `grace@${about.domain}`,
});
const again = await agent.api(`/users/${made.id}`).get();
tell({ created: again.displayName });

/** A list, a user, and what nobody may do: the status of each. */
async function batch(client) {
  // The library takes scheme and host away again.
  const request = (path, method) => new Request(`https://graph.invalid${path}`, { method });
  const content = new BatchRequestContent([
    { id: 'list', request: request('/users?$top=4', 'GET') },
    { id: 'one', request: request(`/users/${made.id}`, 'GET') },
    { id: 'denied', request: request(`/users/${made.id}`, 'DELETE') },
  ]);
  const answer = new BatchResponseContent(
    await client.api('/$batch').post(await content.getContent()),
  );
  const { value } = await answer.getResponseById('list').json();
  tell({ 'users of a batch': value.length, shown: value });
  return ['list', 'one', 'denied'].map((id) => answer.getResponseById(id).status);
}
tell({ batch: await batch(graph(secret, about.each)) });
tell({ 'a batch with a denied request': await batch(agent).catch((error) => error.code) });

const certified = graph(
  new ClientCertificateCredential(
    about.tenant,
    about.certified_id,
    { certificatePath: about.certificate },
    options,
  ),
);
tell({ certificate: (await certified.api('/users').top(2).get()).value.length });

process.env.IDENTITY_ENDPOINT = about.identities;
process.env.IDENTITY_HEADER = about.header;
const managed = graph(new ManagedIdentityCredential());
tell({ managed: (await managed.api('/users').top(3).get()).value.length });
