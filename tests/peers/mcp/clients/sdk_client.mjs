// The driver of the client in @modelcontextprotocol/sdk, which speaks the older era.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import * as types from '@modelcontextprotocol/sdk/types.js';

import { cancelled, filled, pages, run, sampled, Unsupported } from './common.mjs';

class Driver {
  constructor(target, era, recorder) {
    this.recorder = recorder;
    this.client = new Client(
      { name: 'peer', version: '1' },
      { capabilities: { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } } },
    );
    const Over = target.transport === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    this.transport = target.url
      ? new Over(new URL(target.url), {
          requestInit: target.token ? { headers: { Authorization: `Bearer ${target.token}` } } : {},
        })
      : new StdioClientTransport({ ...target, stderr: 'ignore' });
    this.answer('sampling/createMessage', types.CreateMessageRequestSchema, sampled);
    this.answer('elicitation/create', types.ElicitRequestSchema, (p) => filled(p.requestedSchema));
    this.answer('roots/list', types.ListRootsRequestSchema, () => ({ roots: recorder.roots }));
    this.client.fallbackNotificationHandler = async ({ method, params }) =>
      recorder.add(method, params);
  }

  answer(method, schema, answer) {
    this.client.setRequestHandler(schema, async ({ params }) => {
      this.recorder.add(method, params);
      return answer(params);
    });
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
      // This client tells the version over HTTP alone.
      server: this.client.getServerVersion(),
      capabilities: this.client.getServerCapabilities(),
      instructions: this.client.getInstructions() ?? null,
    };
  }

  ping() {
    return this.client.ping();
  }

  list({ what }) {
    const asks = {
      tools: (page) => this.client.listTools(page),
      prompts: (page) => this.client.listPrompts(page),
      resources: (page) => this.client.listResources(page),
      resourceTemplates: (page) => this.client.listResourceTemplates(page),
    };
    return pages(asks[what], what);
  }

  progress = ({ progress, total, message }) =>
    this.recorder.add('progress', [progress, total ?? null, message ?? null]);

  call({ tool, arguments: words, progress }) {
    const options = progress ? { onprogress: this.progress } : {};
    return this.client.callTool({ name: tool, arguments: words }, undefined, options);
  }

  cancel({ tool, arguments: words }) {
    return cancelled((stop, signal) => {
      const onprogress = (about) => {
        this.progress(about);
        stop();
      };
      return this.client.callTool({ name: tool, arguments: words }, undefined, { onprogress, signal });
    });
  }

  /** A call as a task: created, asked after until it is done, its result fetched. */
  async task({ tool, arguments: words, cancel }) {
    const { tasks } = this.client.experimental;
    const statuses = [];
    const stream = tasks.callToolStream({ name: tool, arguments: words }, types.CallToolResultSchema, {
      task: { ttl: 60_000 },
    });
    for await (const message of stream) {
      if (message.type === 'result') return { statuses, result: message.result };
      if (message.type === 'error') throw message.error;
      const { taskId, status } = message.task;
      if (status !== statuses.at(-1)) statuses.push(status);
      if (cancel) {
        const ended = await tasks.cancelTask(taskId);
        const listed = (await tasks.listTasks()).tasks.find((task) => task.taskId === taskId);
        return { statuses, ended: ended.status, listed: listed?.status ?? null };
      }
    }
    return { statuses };
  }

  prompt({ prompt, arguments: words }) {
    return this.client.getPrompt({ name: prompt, arguments: words });
  }

  read({ uri }) {
    return this.client.readResource({ uri });
  }

  complete({ prompt, template, argument, value }) {
    const ref = prompt ? { type: 'ref/prompt', name: prompt } : { type: 'ref/resource', uri: template };
    return this.client.complete({ ref, argument: { name: argument, value } });
  }

  level({ level }) {
    return this.client.setLoggingLevel(level);
  }

  async watch({ uri }) {
    return uri ? this.client.subscribeResource({ uri }) : null;
  }

  async unwatch({ uri }) {
    return uri ? this.client.unsubscribeResource({ uri }) : null;
  }

  roots({ uris }) {
    this.recorder.roots = uris.map((uri) => ({ uri }));
    return this.client.sendRootsListChanged();
  }

  async discover() {
    throw new Unsupported('no server/discover in this client');
  }
}

run((...about) => new Driver(...about));
