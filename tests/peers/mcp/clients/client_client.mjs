// The driver of @modelcontextprotocol/client, which speaks both eras.

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { cancelled, filled, pages, run, sampled, Unsupported } from './common.mjs';

class Driver {
  constructor(target, era, recorder) {
    this.recorder = recorder;
    this.client = new Client(
      { name: 'peer', version: '1' },
      {
        capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } },
        versionNegotiation: { mode: era },
      },
    );
    const Over = target.transport === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    this.transport = target.url
      ? new Over(
          new URL(target.url),
          target.token ? { authProvider: { token: async () => target.token } } : {},
        )
      : new StdioClientTransport({ ...target, stderr: 'ignore' });
    this.answer('sampling/createMessage', sampled);
    this.answer('elicitation/create', (params) => filled(params.requestedSchema));
    this.answer('roots/list', () => ({ roots: recorder.roots }));
    this.client.fallbackNotificationHandler = async ({ method, params }) =>
      recorder.add(method, params);
  }

  answer(method, answer) {
    this.client.setRequestHandler(method, async ({ params }) => {
      this.recorder.add(method, params);
      return answer(params);
    });
  }

  get modern() {
    return this.client.getProtocolEra() === 'modern';
  }

  open() {
    return this.client.connect(this.transport);
  }

  async close() {
    await this.transport.terminateSession?.();
    await this.client.close();
  }

  async connect() {
    return {
      version: this.client.getNegotiatedProtocolVersion() ?? null,
      server: this.client.getServerVersion(),
      capabilities: this.client.getServerCapabilities(),
      instructions: this.client.getInstructions() ?? null,
    };
  }

  ping() {
    return this.client.ping();
  }

  async discover() {
    if (!this.modern) throw new Unsupported('no server/discover in this era');
    return this.client.discover();
  }

  async list({ what }) {
    const asks = {
      tools: 'listTools',
      prompts: 'listPrompts',
      resources: 'listResources',
      resourceTemplates: 'listResourceTemplates',
    };
    // Without a cursor this client walks the pages by itself.
    const options = { cacheMode: 'refresh' };
    return pages((page) => this.client[asks[what]](page.cursor ? page : undefined, options), what);
  }

  progress = ({ progress, total, message }) =>
    this.recorder.add('progress', [progress, total ?? null, message ?? null]);

  call({ tool, arguments: words, progress, level }) {
    const options = progress ? { onprogress: this.progress } : {};
    const meta = level && this.modern ? { _meta: { 'io.modelcontextprotocol/logLevel': level } } : {};
    return this.client.callTool({ name: tool, arguments: words, ...meta }, options);
  }

  cancel({ tool, arguments: words }) {
    return cancelled((stop, signal) => {
      const onprogress = (about) => {
        this.progress(about);
        stop();
      };
      return this.client.callTool({ name: tool, arguments: words }, { onprogress, signal });
    });
  }

  prompt({ prompt, arguments: words }) {
    return this.client.getPrompt({ name: prompt, arguments: words });
  }

  read({ uri }) {
    return this.client.readResource({ uri }, { cacheMode: 'refresh' });
  }

  complete({ prompt, template, argument, value }) {
    const ref = prompt ? { type: 'ref/prompt', name: prompt } : { type: 'ref/resource', uri: template };
    return this.client.complete({ ref, argument: { name: argument, value } });
  }

  level({ level }) {
    return this.client.setLoggingLevel(level);
  }

  /** Subscriptions in either era. */
  async watch({ uri, tools }) {
    if (!this.modern) return uri ? this.client.subscribeResource({ uri }) : null;
    const filter = {
      ...(tools ? { toolsListChanged: true } : {}),
      ...(uri ? { resourceSubscriptions: [uri] } : {}),
    };
    this.subscription = await this.client.listen(filter);
    return { honoured: this.subscription.honoredFilter };
  }

  async unwatch({ uri }) {
    if (!this.modern) return uri ? this.client.unsubscribeResource({ uri }) : null;
    await this.subscription?.close();
    return null;
  }

  async roots({ uris }) {
    if (this.modern) throw new Unsupported('no notifications from the client in this era');
    this.recorder.roots = uris.map((uri) => ({ uri }));
    await this.client.sendRootsListChanged();
  }
}

run((...about) => new Driver(...about));
