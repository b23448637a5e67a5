'use strict';
// Event handlers against a real server: order, retries, restarts of the app and of the server.
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { setTimeout: pause } = require('node:timers/promises');
const { after, afterEach, before, beforeEach, test } = require('node:test');
const { createData } = require('..');
const { Connection } = require('../lib/connection');
const { Server } = require('./server');
const { until } = require('./until');

const server = new Server(['--appendonly', 'yes', '--appendfsync', 'always']);
let admin;
let data; // writes; has no handlers
let apps = 0;
const clients = [];

before(async () => {
  await server.start();
  admin = new Connection({ url: server.url });
  data = createData({ url: server.url });
});

beforeEach(async () => {
  apps += 1;
  await admin.send(['FLUSHALL']);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

after(async () => {
  await data.close();
  admin.close();
  await server.remove();
});

const appName = () => `app${apps}`;
const info = async () => JSON.parse(await admin.send(['AMPT.EVENTS', 'INFO', appName()]));

/** A client with handlers: `define` calls `on`. Resolves when the server keeps their events. */
async function listen(define, options = {}) {
  const errors = [];
  const client = createData({
    url: server.url,
    app: appName(),
    onError: (error, event) => errors.push([error.message, event?.item.key]),
    ...options,
    events: { backoff: [10, 50], ...options.events },
  });
  clients.push(client);
  define(client);
  await until('there is a consumer', () => info().catch(() => false));
  return Object.assign(client, { errors });
}

const idle = () =>
  until('all events are handled', async () => {
    const { backlog, in_flight } = await info();
    return backlog === 0 && in_flight === 0;
  });

/** Something to wait for: open() lets all go on that wait for `opened`. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

// --- What handlers get ---------------------------------------------------------------------------

test('an event has its name, the item with dates, and the item before', async () => {
  const events = [];
  await listen((app) => app.on('*', (event) => events.push(event)));
  const big = 2n ** 70n;
  const one = await data.set('ns:a', { n: big }, { label1: 'x', meta: true });
  const two = await data.set('ns:a', { b: 2 }, { ttl: '2100', meta: true });
  await data.remove('ns:a');
  await idle();
  assert.deepEqual(
    events.map(({ id, ...event }) => event),
    [
      { name: 'created', item: one, attempt: 1 },
      { name: 'updated', item: two, previous: one, attempt: 1 },
      { name: 'deleted', item: two, reason: 'removed', attempt: 1 },
    ],
  );
  const ids = events.map(({ id }) => BigInt(id));
  assert.ok(ids[0] < ids[1] && ids[1] < ids[2]);
});

test('an item that expires is an event', async () => {
  const events = [];
  await listen((app) => app.on('deleted', ({ item, reason }) => events.push([item.value, reason])));
  await data.set('short', 'x', { ttl: 1 });
  await until('it has been handled', () => events.length > 0);
  assert.deepEqual(events, [['x', 'expired']]);
});

test('filters', async () => {
  const got = {};
  const filters = {
    all: '*',
    'simple keys': 'created:*',
    'namespaced keys': 'created:*:*',
    'a simple key': 'created:ns',
    'a namespace': 'created:ns:*',
    'a key': 'created:ns:a:b',
    'a prefix in a namespace': 'created:n*:a:*',
    'a star inside': 'created:n*s:a',
    'everything, written with a colon': 'created:',
    'everything, written with two': 'created::a',
    'a simple key, written with a colon': 'created:ns:',
    'the last of several for an event': ['*:ns', 'created:order_1'],
    none: [],
  };
  await listen((app) => {
    for (const [name, filter] of Object.entries(filters)) {
      got[name] = [];
      app.on(filter, (event) => void got[name].push(`${event.name} ${event.item.key}`));
    }
  });
  const keys = ['ns', 'ns:a', 'ns:a:b', 'nt:a:c', 'order_1', 'order_1:x', 'x'];
  for (const key of keys) await data.set(key, 1);
  await data.remove('ns');
  await idle();
  const created = (...names) => names.map((key) => `created ${key}`);
  for (const list of Object.values(got)) list.sort();
  assert.deepEqual(got, {
    all: [...created(...keys), 'deleted ns'],
    'simple keys': created('ns', 'order_1', 'x'),
    'namespaced keys': created('ns:a', 'ns:a:b', 'nt:a:c', 'order_1:x'),
    'a simple key': created('ns'),
    'a namespace': created('ns:a', 'ns:a:b'),
    'a key': created('ns:a:b'),
    'a prefix in a namespace': created('ns:a:b', 'nt:a:c'),
    'a star inside': [],
    'everything, written with a colon': created(...keys),
    'everything, written with two': created(...keys),
    'a simple key, written with a colon': created('ns'),
    'the last of several for an event': ['created order_1', 'deleted ns'],
    none: [],
  });
});

test('more filters than a consumer can have', async () => {
  const got = [];
  await listen((app) => {
    for (let i = 0; i < 150; ++i) app.on(`created:key${i}`, ({ item }) => got.push(item.key));
  });
  assert.deepEqual((await info()).filters, ['created']);
  for (const key of ['key7', 'other', 'key149']) await data.set(key, 1);
  await idle();
  assert.deepEqual(got.sort(), ['key149', 'key7']);
});

test('what is no filter, handler or timeout is refused', () => {
  const client = createData({ url: server.url });
  clients.push(client);
  const nothing = () => {};
  assert.throws(() => client.on('changed:a', nothing), { message: 'Invalid event name: changed' });
  assert.throws(() => client.on(['created', ''], nothing), { message: 'Invalid event name: ' });
  assert.throws(() => client.on('created'), TypeError);
  assert.throws(() => client.on('created', {}), TypeError);
  for (const timeout of [0, -1, '5', NaN, null]) {
    assert.throws(() => client.on('created', { timeout }, nothing), { name: 'ValidationError' });
  }
  assert.equal(client.on([], nothing), undefined);
});

test('handlers see what their program does after it defined them', async () => {
  const got = [];
  const client = createData({ url: server.url, app: appName() });
  clients.push(client);
  client.on('created:a', ({ item }) => got.push(item.key));
  client.on('created:b', ({ item }) => got.push(item.key));
  await Promise.all([client.set('a', 1), client.set('b', 1)]);
  await idle();
  assert.deepEqual(got.sort(), ['a', 'b']);
});

// --- Order ---------------------------------------------------------------------------------------

test('handlers of one event run one after another, in the order of their definition', async () => {
  const steps = [];
  const slow = (name) => async () => {
    steps.push(`${name} begins`);
    await pause(5);
    steps.push(`${name} ends`);
  };
  await listen((app) => {
    app.on('created', slow('first'));
    app.on('*:ns:*', slow('second'));
    app.on('updated', slow('other'));
    app.on(['deleted', 'created'], slow('third'));
  });
  await data.set('ns:a', 1);
  await idle();
  assert.deepEqual(
    steps,
    ['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

test('a namespace is handled in order, others go on beside it', async () => {
  const done = [];
  const { open, opened } = gate();
  await listen((app) =>
    app.on('created', async ({ item }) => {
      if (item.key === 'slow:1') await opened;
      done.push(item.key);
    }),
  );
  for (const key of ['slow:1', 'slow:2', 'fast:1', 'simple', 'fast:2']) await data.set(key, 1);
  await until('the others are done', () => done.length === 3);
  assert.deepEqual([...done].sort(), ['fast:1', 'fast:2', 'simple']);
  open();
  await idle();
  assert.deepEqual(done.slice(3), ['slow:1', 'slow:2']);
});

test('no more events are in work than allowed', async () => {
  let now = 0;
  let most = 0;
  const work = async () => {
    now += 1;
    most = Math.max(most, now);
    await pause(2);
    now -= 1;
  };
  await listen((app) => app.on('created', work), { events: { concurrency: 3 } });
  await Promise.all(Array.from({ length: 30 }, (_, i) => data.set(`key${i}`, 1)));
  await idle();
  assert.equal(most, 3);
});

// --- Failures ------------------------------------------------------------------------------------

test('a retry begins with the handler that failed, and the namespace waits for it', async () => {
  const calls = [];
  const app = await listen((client) => {
    client.on('created', ({ item, attempt }) => void calls.push(`first ${item.key} ${attempt}`));
    client.on('created:ns:*', ({ item, attempt }) => {
      calls.push(`second ${item.key} ${attempt}`);
      if (item.key === 'ns:a' && attempt < 3) throw new Error(`failure ${attempt}`);
    });
    client.on('created', ({ item, attempt }) => void calls.push(`third ${item.key} ${attempt}`));
  });
  await data.set('ns:a', 1);
  await data.set('ns:b', 1);
  await idle();
  assert.deepEqual(calls, [
    'first ns:a 1',
    'second ns:a 1',
    'second ns:a 2',
    'second ns:a 3',
    'third ns:a 3',
    'first ns:b 1',
    'second ns:b 1',
    'third ns:b 1',
  ]);
  assert.deepEqual(app.errors, [
    ['failure 1', 'ns:a'],
    ['failure 2', 'ns:a'],
  ]);
});

test('a handler that takes too long has failed', async () => {
  const attempts = [];
  const app = await listen((client) =>
    client.on('created', { timeout: 30 }, async ({ attempt }) => {
      attempts.push(attempt);
      if (attempt === 1) await new Promise(() => {});
    }),
  );
  await data.set('ns:a', 1);
  await idle();
  assert.deepEqual(attempts, [1, 2]);
  assert.deepEqual(app.errors, [['The handler did not end within 30 ms', 'ns:a']]);
});

test('the longest timeout of the handlers of an event holds for each of them', async () => {
  const app = await listen((client) => {
    client.on('created', { timeout: 1 }, () => pause(50));
    client.on('created', { timeout: 60_000 }, () => {});
  });
  await data.set('ns:a', 1);
  await idle();
  assert.deepEqual(app.errors, []);
});

test('timeouts end at a minute, with a warning', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  await listen((client) => client.on('created', { timeout: 60_001 }, () => {}));
  assert.deepEqual(warn.mock.calls[0].arguments, [
    'Maximum timeout for event handlers is 60000 ms',
  ]);
  assert.equal((await info()).ackwait, 65_000);
});

test('an event that fails for too long is given up, and its namespace goes on', async () => {
  const done = [];
  const fail = ({ item }) => {
    if (item.key === 'ns:bad') throw new Error('never');
    done.push(item.key);
  };
  await listen((client) => client.on('created', fail), { events: { maxAge: 1 } });
  await data.set('ns:bad', 1);
  await data.set('ns:good', 1);
  await until('the next one is handled', () => done.length > 0);
  const [dead] = await admin.send(['AMPT.EVENTS', 'DEAD', appName()]);
  assert.equal(JSON.parse(dead).failed.reason, 'never');
});

// --- Starting and stopping -----------------------------------------------------------------------

test('handlers may be added later', async () => {
  const got = [];
  const app = await listen((client) => client.on('created:a', () => got.push('a')));
  await data.set('a', 1);
  await idle();
  app.on('created:b', () => got.push('b'));
  await until('the server knows', async () => (await info()).filters.includes('created:b'));
  await data.set('b', 1);
  await idle();
  assert.deepEqual(got, ['a', 'b']);
});

test('close waits for handlers at work, and what they did is not done again', async () => {
  const done = [];
  const { open, opened } = gate();
  let begun = 0;
  const define = (client) =>
    client.on('created', async ({ item }) => {
      begun += 1;
      await opened;
      done.push(item.key);
    });
  const first = await listen(define);
  for (const key of ['ns:1', 'ns:2', 'x']) await data.set(key, 1);
  await until('two are at work', () => begun === 2);
  const closed = first.close();
  open();
  await closed;
  assert.ok(done.length >= 2);
  await listen(define);
  await idle();
  assert.deepEqual(done.sort(), ['ns:1', 'ns:2', 'x']);
});

test('workers of one app share its events', async () => {
  const seen = [[], []];
  const keys = Array.from({ length: 60 }, (_, i) => `key${String(i).padStart(2, '0')}`);
  for (const list of seen) {
    const work = async ({ item }) => {
      list.push(item.key);
      await until('the other has some, too', () => seen.every(({ length }) => length > 0));
    };
    await listen((client) => client.on('created', work), { events: { concurrency: 1 } });
  }
  for (const key of keys) await data.set(key, 1);
  await idle();
  assert.deepEqual(seen.flat().sort(), keys);
});

test('apps of different names each get every event', async () => {
  const got = [];
  for (const app of ['one', 'two']) {
    const name = `${appName()}-${app}`;
    const client = createData({ url: server.url, app: name });
    clients.push(client);
    client.on('created', ({ item }) => got.push(`${app} ${item.key}`));
    await until('there is a consumer', () =>
      admin.send(['AMPT.EVENTS', 'INFO', name]).catch(() => false),
    );
  }
  await data.set('x', 1);
  await until('both got it', () => got.length === 2);
  assert.deepEqual(got.sort(), ['one x', 'two x']);
});

test('a consumer that was dropped is made again', async () => {
  const got = [];
  const app = await listen((client) => client.on('created', ({ item }) => got.push(item.key)));
  await admin.send(['AMPT.EVENTS', 'DROP', appName()]);
  await until('it is there again', () => info().catch(() => false));
  await data.set('x', 1);
  await idle();
  assert.deepEqual(got, ['x']);
  assert.deepEqual(app.errors, [['Consumer does not exist', undefined]]);
});

/** An app in a process of its own; its results are the lines of a file. */
class App {
  file = join(server.directory, `${appName()}.txt`);

  async start() {
    const environment = { ...process.env, AMPT_URL: server.url, AMPT_APP: appName() };
    this.process = spawn(process.execPath, [join(__dirname, 'ledger.js'), this.file], {
      env: environment,
      stdio: 'inherit',
    });
    await until('there is a consumer', () => info().catch(() => false));
  }

  async stop(signal) {
    const gone = once(this.process, 'exit');
    this.process.kill(signal);
    return (await gone)[0];
  }

  lines() {
    return existsSync(this.file) ? readFileSync(this.file, 'utf8').split('\n').slice(0, -1) : [];
  }
}

const NAMESPACES = 8;

/** Writes items round robin over the namespaces; returns their keys. */
async function write(from, to) {
  const keys = [];
  for (let i = from; i < to; ++i) {
    keys.push(`ledger${i % NAMESPACES}:${String(i).padStart(4, '0')}`);
    await data.set(keys.at(-1), i);
  }
  return keys;
}

/** Fails unless every key is there, those of a namespace in order; returns how many came again. */
function assertComplete(lines, keys) {
  const first = [...new Set(lines)];
  assert.deepEqual([...first].sort(), [...keys].sort());
  for (let i = 0; i < NAMESPACES; ++i) {
    const inOrder = first.filter((key) => key.startsWith(`ledger${i}:`));
    assert.deepEqual(inOrder, [...inOrder].sort());
  }
  return lines.length - first.length;
}

test('an app that ends and starts again in the middle of its events loses none', async () => {
  const app = new App();
  await app.start();
  try {
    const keys = await write(0, 200);
    await until('it is in the middle', () => app.lines().length > 20);
    assert.equal(await app.stop('SIGTERM'), 0);
    const atWork = app.lines().length;
    assert.equal(assertComplete(app.lines(), app.lines()), 0, 'none was handled twice');
    keys.push(...(await write(200, 300)));
    await app.start();
    await until('it goes on', () => app.lines().length > atWork + 20);
    await app.stop('SIGKILL');
    keys.push(...(await write(300, 350)));
    await app.start();
    await until('all are there', () => new Set(app.lines()).size === keys.length);
    await idle();
    const again = assertComplete(app.lines(), keys);
    assert.ok(again <= NAMESPACES, 'what was at work when it was killed may come again');
  } finally {
    await app.stop('SIGKILL');
  }
});

test('a server that is killed in the middle of the events loses none', async () => {
  const lines = [];
  await listen((client) =>
    client.on('created:ledger*:*', { timeout: 500 }, async ({ item }) => {
      await pause(2);
      lines.push(item.key);
    }),
  );
  const keys = await write(0, 200);
  await until('it is in the middle', () => lines.length > 20);
  await server.stop('SIGKILL');
  await server.start();
  keys.push(...(await write(200, 250)));
  await until('all are there', () => new Set(lines).size === keys.length);
  await idle();
  const again = assertComplete(lines, keys);
  assert.ok(again <= NAMESPACES, 'what was at work when it was killed may come again');
});
