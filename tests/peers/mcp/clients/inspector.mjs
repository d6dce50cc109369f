// The driver of the Inspector in CLI mode: one run of the program for each step.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { run } from './common.mjs';

const home = dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/inspector/package.json'));
const program = join(home, 'clients/launcher/build/index.js');

class Driver {
  constructor(target, era, recorder) {
    this.recorder = recorder;
    const words = ['--format', 'json', '--quiet', '--protocol-era', era];
    const { url, token, transport = 'http', command, args, env } = target;
    if (url) {
      words.push('--server-url', url, '--transport', transport);
      // No sign-in of its own: with a token it has to get through, or it fails.
      if (token) words.push('--stored-auth-only', '--header', `Authorization: Bearer ${token}`);
    } else {
      for (const [name, value] of Object.entries(env ?? {})) words.push('-e', `${name}=${value}`);
    }
    this.before = words;
    this.server = command ? [command, ...args] : [];
  }

  async open() {}

  async close() {}

  /** Runs the program; what it printed as JSON, or its error. */
  async inspect(method, ...words) {
    // The server's command stands first: what follows `--` is not read by the program.
    const argv = [program, '--cli', ...this.server, ...this.before, '--method', method, ...words];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const lines = out.split('\n').filter(Boolean);
    if (lines.length > 0) return JSON.parse(lines.join('\n')).result;
    throw new Error(JSON.stringify(parsed(err) ?? err.slice(-300)));
  }

  async list({ what }) {
    const method = what === 'resourceTemplates' ? 'resources/templates/list' : `${what}/list`;
    const { [what]: items, ...rest } = await this.inspect(method);
    return { items, rest };
  }

  call({ tool, arguments: words = {} }) {
    const given = ['--tool-name', tool, '--tool-args-json', JSON.stringify(words)];
    return this.inspect('tools/call', ...given);
  }

  prompt({ prompt, arguments: words = {} }) {
    const pairs = Object.entries(words).flatMap(([name, value]) => ['--prompt-args', `${name}=${value}`]);
    return this.inspect('prompts/get', '--prompt-name', prompt, ...pairs);
  }

  read({ uri }) {
    return this.inspect('resources/read', '--uri', uri);
  }

  level({ level }) {
    return this.inspect('logging/setLevel', '--log-level', level);
  }
}

async function text(stream) {
  let all = '';
  for await (const piece of stream) all += piece;
  return all;
}

function parsed(text) {
  try {
    return JSON.parse(text.trim().split('\n').at(-1)).error;
  } catch {
    return undefined;
  }
}

run((...about) => new Driver(...about));
