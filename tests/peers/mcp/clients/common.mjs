// What the two drivers on Node share: the plan, the transcript, and what the user answers. The same
// forms as in common.py.

const STEP_MS = 30_000;
const EXPECT_MS = 8_000;

/** This client has no means for that step. */
export class Unsupported extends Error {}

/** The events of the run, in the order in which the client's program saw them. */
export class Recorder {
  events = [];
  roots = [];
  #news = () => {};

  add(event, about) {
    this.events.push(about === undefined ? { event } : { event, about });
    this.#news();
  }

  /** Waits until every event of `expect` has come since the event number `since`. */
  async until(since, expect) {
    const deadline = Date.now() + EXPECT_MS;
    for (;;) {
      const missing = [...expect];
      for (const { event } of this.events.slice(since)) {
        if (missing.includes(event)) missing.splice(missing.indexOf(event), 1);
      }
      if (missing.length === 0) return;
      if (Date.now() > deadline) {
        this.add('(nothing more came)');
        return;
      }
      await new Promise((done) => {
        this.#news = done;
        setTimeout(done, 200);
      });
    }
  }
}

/** What the client's model says: an echo. */
export function sampled(params) {
  const last = params.messages.at(-1).content;
  const { text } = Array.isArray(last) ? last[0] : last;
  return { role: 'assistant', content: { type: 'text', text: `echo of ${text}` }, model: 'peer' };
}

/** A form filled in: what is required, with the first choice of each kind. */
export function filled(schema) {
  const firsts = { string: 'blue', integer: 7, number: 7, boolean: true };
  const content = {};
  for (const name of schema.required ?? []) {
    const about = schema.properties[name];
    content[name] = about.enum?.[0] ?? about.oneOf?.[0].const ?? firsts[about.type];
  }
  return { action: 'accept', content };
}

/** Everything the server has of a kind, page by page. */
export async function pages(ask, field) {
  const pages = [];
  let cursor;
  do {
    const page = await ask(cursor ? { cursor } : {});
    pages.push(page);
    cursor = page.nextCursor;
  } while (cursor);
  const rest = pages.map(({ [field]: _items, nextCursor: _cursor, ...rest }) => rest);
  return { pages: pages.length, items: pages.flatMap((page) => page[field]), rest };
}

/** Calls until the first progress, then cancels. */
export async function cancelled(call) {
  const stop = new AbortController();
  try {
    return await call(() => stop.abort('enough'), stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return 'cancelled';
    throw error;
  }
}

function timed(promise) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no result after ${STEP_MS} ms`)), STEP_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** An error of JSON-RPC as it came, without what the SDK writes before its message. */
function told(error) {
  const message = error.message.replace(/^MCP error -?\d+: /, '');
  return { code: error.code, message, ...(error.data === undefined ? {} : { data: error.data }) };
}

async function runStep(driver, { do: what, expect = [], as = what, ...words }) {
  const { recorder } = driver;
  // What a session begins with may have come already.
  const since = what === 'settle' ? 0 : recorder.events.length;
  const record = { do: what, as };
  try {
    if (!driver[what] && what !== 'settle') throw new Unsupported(what);
    record.result = (what === 'settle' ? null : await timed(driver[what](words))) ?? null;
    await recorder.until(since, expect);
  } catch (error) {
    if (error instanceof Unsupported) record.unsupported = error.message;
    else if (Number.isInteger(error.code)) record.error = told(error);
    else record.failure = `${error.name}: ${error.message}`;
  }
  record.events = recorder.events.slice(since);
  return record;
}

export async function run(make) {
  let text = '';
  for await (const piece of process.stdin) text += piece;
  const plan = JSON.parse(text);
  const transcript = [];
  const recorder = new Recorder();
  recorder.roots = plan.roots.map((uri) => ({ uri }));
  const driver = make(plan.target, plan.era, recorder);
  try {
    await timed(driver.open());
    for (const step of plan.steps) transcript.push(await runStep(driver, step));
  } catch (error) {
    const about = Number.isInteger(error.code) ? told(error) : error.message;
    transcript.push({ do: 'session', as: 'session', failure: [error.name, about] });
  }
  await driver.close().catch(() => {});
  await new Promise((done) => process.stdout.write(JSON.stringify(transcript), done));
  process.exit(0);
}
