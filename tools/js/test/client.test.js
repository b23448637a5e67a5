'use strict';
// The client against a real server: connections, pages, values, and what JavaScript adds.
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { join } = require('node:path');
const { after, before, beforeEach, test } = require('node:test');
const { promisify } = require('node:util');
const { ConnectionError, ValidationError, createData } = require('..');
const { Connection } = require('../lib/connection');
const { Server } = require('./server');
const { until } = require('./until');

const run = promisify(execFile);
const server = new Server();
let admin;
let data;

before(async () => {
  await server.start();
  admin = new Connection({ url: server.url });
  data = createData({ url: server.url });
});

beforeEach(async () => {
  await admin.send(['FLUSHALL']);
  data.removeNulls = true;
});

after(async () => {
  await data.close();
  admin.close();
  await server.remove();
});

const keys = ({ items }) => items.map(({ key }) => key);

async function setAll(names, value = 1) {
  await Promise.all(names.map((name) => data.set(name, value)));
}

// --- Connections ---------------------------------------------------------------------------------

test('a client that cannot connect says so, and where to, without the password', async () => {
  const url = 'redis://user:s@cret@127.0.0.1:1/2';
  const unreachable = createData({ url, connectTimeout: 100 });
  await assert.rejects(unreachable.get('foo'), (error) => {
    assert.ok(error instanceof ConnectionError);
    assert.match(error.message, /^No connection to redis:\/\/127\.0\.0\.1:1\/2: .*ECONNREFUSED/);
    assert.equal(error.code, 'CONNECTION');
    return true;
  });
  await unreachable.close();
});

test('a URL that is none is refused', async () => {
  await assert.rejects(createData({ url: 'http://127.0.0.1' }).get('foo'), TypeError);
});

test('the database of the URL is apart from the others', async () => {
  const other = createData({ url: `${server.url}/3` });
  await other.set('foo', 3);
  assert.equal(await data.get('foo'), undefined);
  assert.equal(await other.get('foo'), 3);
  await other.close();
});

test('a password is sent, and a wrong one is an error at once', async () => {
  const locked = await new Server(['--requirepass', 'secret']).start();
  try {
    const good = createData({ url: locked.url.replace('//', '//:secret@') });
    assert.equal(await good.set('foo', 1), 1);
    await good.close();
    const bad = createData({ url: locked.url.replace('//', '//:wrong@') });
    await assert.rejects(bad.get('foo'), { code: 'WRONGPASS' });
    await bad.close();
    const none = createData({ url: locked.url });
    await assert.rejects(none.get('foo'), { code: 'NOAUTH' });
    await none.close();
  } finally {
    await locked.remove();
  }
});

test('a client outlives its server, and calls wait for the next one', async () => {
  const mortal = await new Server().start();
  const client = createData({ url: mortal.url, connectTimeout: 60_000 });
  try {
    await client.set('foo', 1);
    await mortal.stop();
    // The first call may still meet the breaking connection, the second one waits.
    const waiting = client.set('foo', 2).catch(() => client.set('foo', 2));
    await mortal.start();
    assert.equal(await waiting, 2);
  } finally {
    await client.close();
    await mortal.remove();
  }
});

test('a call under way when the connection breaks fails and is not sent again', async () => {
  let adds = 0;
  const breaking = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        const commands = chunk.toString().match(/^\*\d+\r$/gm);
        if (!chunk.includes('AMPT.ADD')) return socket.write('+OK\r\n'.repeat(commands.length));
        adds += 1;
        return socket.destroy();
      });
  });
  await new Promise((resolve) => breaking.listen(0, '127.0.0.1', resolve));
  const client = createData({ url: `redis://127.0.0.1:${breaking.address().port}` });
  await assert.rejects(client.add('counter', 1), { name: 'ConnectionError' });
  assert.equal(await client.remove('counter'), true);
  assert.equal(adds, 1);
  await client.close();
  breaking.close();
});

test('a server that closes connections at once is tried again', async () => {
  let closed = 0;
  const reluctant = createServer((socket) => {
    socket.on('error', () => {});
    if (++closed <= 5) return socket.end();
    return socket.on('data', (chunk) => {
      socket.write('+OK\r\n'.repeat(chunk.toString().match(/^\*\d+\r$/gm).length));
    });
  });
  await new Promise((resolve) => reluctant.listen(0, '127.0.0.1', resolve));
  const client = createData({ url: `redis://127.0.0.1:${reluctant.address().port}` });
  await until('a call gets through', () => client.remove('x').catch(() => false));
  await client.close();
  reluctant.close();
});

test('a closed client takes no calls', async () => {
  const client = createData({ url: server.url });
  await client.set('foo', 1);
  await client.close();
  await client.close();
  await assert.rejects(client.get('foo'), {
    name: 'ConnectionError',
    message: 'This client is closed.',
  });
});

test('a script ends by itself, without close, in ES modules and CommonJS', async () => {
  const environment = { ...process.env, AMPT_URL: server.url };
  const esm = join(server.directory, 'script.mjs');
  const cjs = join(server.directory, 'script.cjs');
  const index = join(__dirname, '../index');
  writeFileSync(
    esm,
    `import { data, createData, ValidationError } from '${index}.mjs';
     import { createRequire } from 'node:module';
     const same = createRequire(import.meta.url)('${index}.js').data === data;
     console.log(await data.set('esm', 1), same, typeof createData, ValidationError.name);`,
  );
  writeFileSync(cjs, `require('${index}.js').data.set('cjs', 2).then(console.log)`);
  const results = await Promise.all(
    [esm, cjs].map((file) => run(process.execPath, [file], { env: environment, timeout: 60_000 })),
  );
  assert.deepEqual(
    results.map(({ stdout }) => stdout.trim()),
    ['1 true function ValidationError', '2'],
  );
});

test('every call is one round trip', async () => {
  await setAll(['ns:a', 'ns:b', 'ns:c']);
  const calls = {
    get: () => data.get('ns:a'),
    'get of a page': () => data.get('ns:*', { limit: 2, meta: true }),
    'get of a batch': () => data.get(['ns:a', 'ns:b'], true),
    set: () =>
      data.set('ns:a', { a: 1 }, { ttl: 100, label1: ['x'], default: { b: 1 }, meta: true }),
    'set of a batch': () =>
      data.set([
        { key: 'x', value: 1 },
        { key: 'y', value: 2 },
      ]),
    add: () => data.add('n', 1),
    getByLabel: () => data.getByLabel('label1', 'x'),
    scan: () => data.scan(),
    remove: () => data.remove(['ns:a', 'ns:b']),
    seed: () => data.seed([{ key: 'x', value: 1 }]),
  };
  const count = async () =>
    Number(/total_commands_processed:(\d+)/.exec(await admin.send(['INFO']))[1]);
  for (const [name, call] of Object.entries(calls)) {
    const before = await count();
    await call();
    assert.equal((await count()) - before, 2, `${name} and INFO`);
  }
});

// --- Values --------------------------------------------------------------------------------------

test('values come back as they were stored', async () => {
  const values = ['', 'ž😀\u0000"\\', 0, -1.5, 1e-7, 1e300, true, false, [], {}, [1, [null, {}]]];
  const odd = { '': 1, __proto__x: 2, 'a.b': { c: [1, 2] }, constructor: 'x' };
  for (const value of [...values, odd, JSON.parse('{"__proto__":{"a":1}}')]) {
    assert.deepEqual(await data.set('foo', value, { overwrite: true }), value);
    assert.deepEqual(await data.get('foo'), value);
  }
});

test('integers beyond 2^53 are BigInt, everywhere and exactly', async () => {
  const big = 12345678901234567890n;
  const value = {
    big,
    list: [-big, 9007199254740991, { deep: 2n ** 800n }],
    text: '12345678901234567890',
  };
  assert.deepEqual(await data.set('foo', value), value);
  assert.equal((await data.set('n', big)) + 1n, await data.add('n', 1));
  assert.deepEqual((await data.get('*')).items[0], { key: 'foo', value });
  assert.equal(await data.set('float', 0.1234567890123456789), 0.1234567890123456789);
  assert.equal(await data.set('text', '"\\"9007199254740993'), '"\\"9007199254740993');
});

test('types that JSON has no form for are refused', async () => {
  class Point {
    x = 1;
  }
  const circle = {};
  circle.circle = [circle];
  const refused = { a: new Date() };
  for (const value of [
    refused,
    [new Point()],
    { a: new Set() },
    { a: Buffer.from('x') },
    { a: () => 1 },
    { a: Symbol('x') },
    circle,
  ]) {
    await assert.rejects(data.set('foo', value), (error) => {
      assert.ok(error instanceof ValidationError);
      return error.message.startsWith('Unsupported type passed: ');
    });
  }
  await assert.rejects(data.set('foo', [NaN]), {
    message: 'Special numeric value NaN is not allowed',
  });
  await assert.rejects(data.set('foo', 1, { default: Infinity }), /Special numeric value Infinity/);
  assert.deepEqual(await data.set('foo', { a: new Map([['b', 1]]), c: [undefined, 1] }), {
    a: { b: 1 },
    c: [1],
  });
  assert.equal(await data.get('untouched'), undefined);
});

test('a key is a well-formed string', async () => {
  for (const key of [5, null, undefined, {}, Symbol('x'), 'a\ud800']) {
    await assert.rejects(data.get(key), {
      name: 'ValidationError',
      message: 'Invalid key',
      statusCode: 400,
    });
    await assert.rejects(data.set(key, 1), { message: 'Invalid key' });
    await assert.rejects(data.remove([key]), { message: 'Invalid key' });
  }
});

test('undefined removes an attribute, and null is stored where nulls are kept', async () => {
  const value = { a: 1, b: 2, c: 3 };
  await data.set('foo', value);
  assert.deepEqual(await data.set('foo', { a: undefined, b: null }), { c: 3 });
  data.removeNulls = false;
  assert.deepEqual(await data.set('foo', { b: null, c: undefined }), { b: null });
  const options = { default: { a: 1, c: { d: 1 } } };
  const batch = await data.set([
    { key: 'x', value: { a: undefined, b: null }, ...options },
    { key: 'y', value: undefined, ...options },
    { key: 'z', value: null },
  ]);
  assert.deepEqual(
    batch.items.map((item) => item.value),
    [{ c: { d: 1 }, b: null }, options.default, null],
  );
  await assert.rejects(data.set([{ key: 'x', value: undefined }]), /Value can not be undefined/);
  assert.throws(() => (data.removeNulls = 1), { message: 'removeNulls must be a boolean value' });
});

// --- Meta data -----------------------------------------------------------------------------------

test('dates are Date, in items, pages and batches', async () => {
  const ttl = new Date('2040-01-02T03:04:05.678Z');
  const options = { meta: true, ttl, label1: 'label:1' };
  const item = await data.set('ns:a', 1, options);
  assert.deepEqual(Object.keys(item), ['key', 'value', 'created', 'modified', 'label1', 'ttl']);
  assert.deepEqual(item.ttl, ttl);
  assert.ok(Math.abs(item.created - Date.now()) < 60_000);
  assert.deepEqual(await data.get('ns:a', true), item);
  for (const page of [
    await data.get('ns:*', true),
    await data.get(['ns:a'], { meta: true }),
    await data.get('label:*', { label: 'label1', meta: true }),
    await data.getByLabel('1', 'label:1', true),
    await data.scan({ meta: true }),
  ]) {
    assert.deepEqual(page, { items: [item] });
  }
  const sum = await data.add('ns:a', 1, true);
  assert.deepEqual([sum.value, sum.created, sum.ttl], [2, item.created, ttl]);
  const { items } = await data.set([{ key: 'ns:a', value: 1, ttl, label1: ['label:1'] }], true);
  assert.deepEqual({ ...items[0], created: 0, modified: 0 }, { ...item, created: 0, modified: 0 });
});

test('ttl takes seconds, dates and null', async () => {
  const ttlOf = async (ttl) => (await data.set('foo', 1, { ttl, meta: true })).ttl;
  assert.deepEqual(await ttlOf(4102444800), new Date('2100-01-01'));
  assert.deepEqual(await ttlOf('2100'), new Date('2100-01-01'));
  assert.deepEqual(await ttlOf('3600'), new Date('3600-01-01'));
  assert.deepEqual(await ttlOf('2100-02'), new Date('2100-02-01'));
  assert.deepEqual(await ttlOf('2100-02-03T04:05'), new Date('2100-02-03T04:05Z'));
  assert.deepEqual(await ttlOf('2100-02-03T04:05:06+01:00'), new Date('2100-02-03T03:05:06Z'));
  assert.deepEqual(await ttlOf(undefined), new Date('2100-02-03T03:05:06Z'));
  assert.equal(await ttlOf(null), undefined);
  assert.ok(Math.abs((await ttlOf(3600)) - Date.now() - 3_600_000) < 60_000);
  const bad = ['', '5', '20300615', 'junk', 'June 15, 2030', '2030-02-30', true, {}, 1.5, NaN];
  for (const ttl of [...bad, Infinity, new Date(NaN), new Date(8.64e15), 5n]) {
    await assert.rejects(ttlOf(ttl), { name: 'ValidationError', message: 'Invalid ttl value.' });
    const batch = data.set([{ key: 'foo', value: 1, ttl }]);
    await assert.rejects(batch, { message: 'Invalid ttl value.' });
  }
});

test('the created check', async () => {
  const { created } = await data.set('foo', 1, true);
  const seconds = created / 1000;
  const item = await data.set('foo', 2, { overwrite: true, created: seconds, meta: true });
  assert.deepEqual([item.value, item.created], [2, created]);
  const failed = data.set('foo', 3, { overwrite: true, created: seconds - 1 });
  await assert.rejects(failed, {
    name: 'Error',
    code: 'CREATED',
    message: "The 'created' date integrity check failed. The dates must match.",
  });
  for (const bad of [null, '5', new Date()]) {
    const wrong = data.set('foo', 3, { overwrite: true, created: bad });
    await assert.rejects(wrong, { message: "'created' value must be a number" });
  }
  assert.equal(await data.set('foo', 4, { overwrite: true, created: 0 }), 4);
});

// --- Pages ---------------------------------------------------------------------------------------

test('next walks all pages and leaves the options alone', async () => {
  const names = Array.from({ length: 7 }, (_, i) => `ns:${i}`);
  await setAll(names);
  const options = Object.freeze({ limit: 3, reverse: true, meta: true, start: 'ns:6' });
  const first = await data.get('ns:*', options);
  assert.deepEqual(keys(first), ['ns:5', 'ns:4', 'ns:3']);
  assert.equal(first.lastKey, 'ns:3');
  const second = await first.next();
  assert.deepEqual(keys(second), ['ns:2', 'ns:1', 'ns:0']);
  assert.ok(second.items[0].modified instanceof Date);
  assert.deepEqual(Object.keys(second), ['items']);
  assert.deepEqual(keys(await first.next()), keys(second), 'next may be called again');
});

test('pages by label, of a scan, and of everything', async () => {
  for (let i = 0; i < 5; ++i)
    await data.set(`k|${i}`, i, { label2: i < 4 ? 'l:\\same' : undefined });
  const walk = async (page) => (page ? [...keys(page), ...(await walk(await page.next?.()))] : []);
  const all = ['k|0', 'k|1', 'k|2', 'k|3', 'k|4'];
  assert.deepEqual(
    await walk(await data.getByLabel('label2', 'l:*', { limit: 2 })),
    all.slice(0, 4),
  );
  assert.deepEqual(
    await walk(await data.get('l:\\same', { label: '2', limit: 3 })),
    all.slice(0, 4),
  );
  assert.deepEqual(await walk(await data.scan({ limit: 2 })), all);
  assert.deepEqual(await walk(await data.scan({ limit: 2, label: 'label2' })), all.slice(0, 4));
  assert.deepEqual(await walk(await data.get('*', { limit: 4 })), all);
});

test('a page goes on behind a key that is not UTF-8', async () => {
  const odd = Buffer.from([0x6e, 0x3a, 0xff]);
  await admin.send(['MSET', 'n:a', '1', odd, '2', Buffer.from([...odd, 0xff]), '3']);
  const page = await data.get('n:*', { limit: 2 });
  assert.deepEqual(page.lastKey, { $binary: odd.toString('base64') });
  const { items } = await page.next();
  assert.deepEqual(items, [{ key: { $binary: 'bjr//w==' }, value: '3' }]);
  assert.deepEqual((await data.get('n:*', { start: page.lastKey })).items, items);
});

test('limit, start and label are checked', async () => {
  for (const limit of ['5', 1.5, -1, 1001, [], {}]) {
    const message = "'limit' must be between 1 and 1000";
    await assert.rejects(data.get('ns:*', { limit }), { name: 'ValidationError', message });
  }
  for (const limit of [0, null, undefined, '', NaN, false]) await data.get('ns:*', { limit });
  await assert.rejects(data.get('ns:*', { start: 5 }), { message: 'Invalid key' });
  await assert.rejects(data.get('ns:*', { start: 'other:a' }), {
    message: 'The provided starting key does not match the range key predicate',
  });
  const message = "Labels must be specified as 'label1' through 'label5'.";
  await assert.rejects(data.get('ns:*', { label: 'label6' }), { name: 'ValidationError', message });
  await assert.rejects(data.getByLabel(1, 'ns:*'), { name: 'TypeError', message });
  await data.set('foo', 1);
  assert.equal(await data.getByLabel('', 'foo'), 1, 'no label is a query by key');
});

// --- Other calls ---------------------------------------------------------------------------------

test('batches have 1 to 25 items, and options of their own', async () => {
  const many = Array.from({ length: 26 }, (_, i) => `k${i}`);
  const text = (what, call) =>
    `You may only provide a maximum of 25 ${what} in one batch ${call} request`;
  await assert.rejects(data.get(many), { message: text('keys', 'get') });
  await assert.rejects(data.remove(many), { message: text('keys', 'remove') });
  const items = many.map((key) => ({ key, value: 1 }));
  await assert.rejects(data.set(items), { message: text('items', 'set') });
  await assert.rejects(data.get([]), { message: 'You must provide at least one key' });
  await assert.rejects(data.set([]), { message: 'You must provide at least one item' });
  await assert.rejects(data.get(['a'], { limit: undefined, x: 1 }), {
    message: 'Invalid options for batch get request: limit, x',
  });
  await assert.rejects(data.get(['a'], { label: 'label1' }), {
    message: 'Invalid options for batch get request: label',
  });
  const noKey = { message: "A string value of 'key' must be provided in each item" };
  for (const item of [null, 5, {}, { key: 5, value: 1 }])
    await assert.rejects(data.set([item]), noKey);
  const noValue = { message: "A 'value' must be provided in each item" };
  await assert.rejects(data.set([{ key: 'a' }]), noValue);
  await assert.rejects(
    data.set([{ key: 'a', value: 1 }], 'x'),
    /'options' must be a boolean or object/,
  );
  assert.deepEqual((await data.scan()).items, []);
});

test('add wants numbers', async () => {
  assert.equal(await data.add('n', 0), 0);
  assert.equal(await data.add('n', 0.1), 0.1);
  assert.equal(await data.add('n', 0.2), 0.3);
  assert.deepEqual(await data.add('o', 'a.b', 2n, { label1: 'x' }), { 'a.b': 2 });
  assert.deepEqual(await data.add('o', '', -1), { 'a.b': 2, '': -1 });
  const plain = { name: 'Error', message: 'Values must be numeric' };
  for (const call of [data.add('o', 'a'), data.add('o', 'a', '5'), data.add('n', '5')]) {
    await assert.rejects(call, plain);
  }
  const message = "'value' must be a number when using $add";
  for (const increment of [undefined, null, true, NaN, {}]) {
    await assert.rejects(data.add('n', increment), { name: 'ValidationError', message });
  }
  await assert.rejects(data.add('n', Infinity), /Special numeric value Infinity is not allowed/);
  await assert.rejects(data.add('n', 1, 'x'), { message: "'options' must be a boolean or object" });
  const sums = await Promise.all(Array.from({ length: 50 }, () => data.add('m', 1)));
  assert.equal(Math.max(...sums), 50);
});

test('errors of the server carry its word', async () => {
  await data.set('object', { a: 'x' });
  await assert.rejects(data.set('object', 1), { name: 'Error', code: 'WRONGTYPE' });
  await assert.rejects(data.add('object', 'a', 1), {
    code: 'WRONGTYPE',
    message: /needs a number/,
  });
  await assert.rejects(data.set('object', {}, { exists: false }), { code: 'EXISTS' });
  await assert.rejects(data.set('none', {}, { exists: true }), { code: 'NOTFOUND' });
  await assert.rejects(data.set('ns:a*', 1), {
    name: 'ValidationError',
    code: 'ERR',
    statusCode: 400,
  });
  await assert.rejects(data.remove('ns:<x'), /You cannot delete items using conditionals/);
});

test('seed writes any number of items, from an array or a file', async () => {
  const items = Array.from({ length: 300 }, (_, i) => ({
    key: `seed:${String(i).padStart(3, '0')}`,
    value: { i },
    label1: 'all:x',
    ttl: '2100',
    default: { ignored: true },
  }));
  await data.set('other', 1);
  assert.deepEqual(await data.seed(items), { items: 300 });
  const page = await data.getByLabel('label1', 'all:x', { limit: 1000, meta: true });
  assert.deepEqual(
    keys(page),
    items.map(({ key }) => key),
  );
  assert.deepEqual(page.items[299].value, { i: 299 });
  assert.deepEqual(page.items[299].ttl, new Date('2100-01-01'));

  const file = join(server.directory, 'seed.json');
  writeFileSync(file, JSON.stringify(items.slice(0, 2)));
  assert.deepEqual(await data.seed(file, { overwrite: true }), { items: 2 });
  assert.deepEqual(keys(await data.scan()), ['seed:000', 'seed:001']);
  assert.deepEqual(await data.seed([], true), { items: 0 });
  assert.deepEqual(await data.scan(), { items: [] });

  await data.set('kept', 1);
  const wrong = [...items, { key: 'no value' }];
  await assert.rejects(data.seed(wrong, true), {
    message: "A 'value' must be provided in each item",
  });
  assert.deepEqual(keys(await data.scan()), ['kept'], 'nothing is written, nothing removed');
  await assert.rejects(data.seed({}), { message: 'Please provide an array of items' });
  await assert.rejects(data.seed(join(server.directory, 'nowhere')), { code: 'ENOENT' });
});

test('an expired item is gone', async () => {
  await data.set('foo', 1, { ttl: 1 });
  await until('it is gone', async () => (await data.get('foo')) === undefined);
  assert.deepEqual(await data.set('foo', { a: 1 }, { exists: false }), { a: 1 });
});
