'use strict';
// Every code sample of the two documents that the package is built from, run as it stands there.
const assert = require('node:assert/strict');
const {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, before, beforeEach, test } = require('node:test');
const { runInNewContext } = require('node:vm');
const { data } = require('..');
const { Connection } = require('../lib/connection');
const { Server } = require('./server');
const { until } = require('./until');

const server = new Server();
let admin;

// A program's folder, in which the package is installed under the name that the samples import.
const folder = mkdtempSync(join(tmpdir(), 'ampt-samples-'));
mkdirSync(join(folder, 'node_modules/@ampt'), { recursive: true });
symlinkSync(join(__dirname, '..'), join(folder, 'node_modules/@ampt/data'));
symlinkSync(join(__dirname, 'samples/api'), join(folder, 'node_modules/@ampt/api'));

// The handlers of the samples do nothing; what they are called with is noted here.
const calls = [];
const { on } = data;
data.on = (specs, handler) => {
  const events = [];
  calls.push({ specs, events });
  on.call(data, specs, (event) => {
    events.push(`${event.name} ${event.item.key}`);
    return handler(event);
  });
};

before(async () => {
  await server.start();
  admin = new Connection({ url: server.url });
  process.env.AMPT_URL = server.url;
  process.env.AMPT_APP = 'samples';
});

beforeEach(async () => {
  await admin.send(['FLUSHALL']);
});

after(async () => {
  await data.close();
  admin.close();
  await server.remove();
  rmSync(folder, { recursive: true });
});

/** The samples of a document: { title, blocks: [{ kind, code }] }. */
function readSamples(document) {
  const text = readFileSync(join(__dirname, 'samples', document), 'utf8');
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')),
      blocks: [...section.matchAll(/^```(js|shown)\n(.*?)^```$/gms)].map(([, kind, code]) => ({
        kind,
        code,
      })),
    }));
}

let modules = 0;

/** Runs a sample as a module and returns what it declares. */
async function run(code) {
  const names = [...code.matchAll(/^(?:let|const) (\w+)/gm)].map(([, name]) => name);
  const imports = code.includes('@ampt/data') ? '' : 'import { data } from "@ampt/data"; ';
  const file = join(folder, `sample-${++modules}.mjs`);
  writeFileSync(file, `${imports}${code}\nexport { ${names.join(', ')} };\n`);
  return import(file);
}

/** A result as the documents show it; functions are shown by the word Function. */
function evaluate(code) {
  const value = runInNewContext(`(${code.replace('[Function: next]', '"Function"')})`);
  return JSON.parse(JSON.stringify(value));
}

const keys = ({ items }) => items.map(({ key }) => key);
const setAll = (...names) => Promise.all(names.map((name) => data.set(name, 1)));
const errorOf = (promise) =>
  promise.then(
    () => null,
    ({ message }) => message,
  );

/** Waits until every event has been handled, and returns what the latest `count` handlers got. */
async function eventsOf(count) {
  await until('all events are handled', async () => {
    const info = JSON.parse(await admin.send(['AMPT.EVENTS', 'INFO', 'samples']));
    return info.backlog === 0 && info.in_flight === 0;
  });
  return calls.slice(-count).map(({ events }) => events);
}

/** Waits until the server keeps the events of all handlers that were defined. */
async function listening() {
  const wanted = calls.flatMap(({ specs }) => specs);
  await until('the server knows the filters', async () => {
    const info = await admin.send(['AMPT.EVENTS', 'INFO', 'samples']).catch(() => null);
    return info !== null && wanted.every((filter) => JSON.parse(info).filters.includes(filter));
  });
}

/** Makes, changes and removes items, once all handlers are known. */
async function change(...names) {
  for (const name of names) {
    await data.set(name, 1);
    await data.set(name, 2);
    await data.remove(name);
  }
}

const USER_KEYS = [
  '2021-05-01',
  '2021-05-17',
  '2021-05-18',
  '2021-05-31',
  '2021-06-01',
  'orders_1',
];

/** What is to be seen of each sample: `next` runs its blocks one after another. */
const checks = {
  'Getting started': async (next) => {
    await next();
    const { routes } = await import(join(folder, 'node_modules/@ampt/api/index.js'));
    await routes.get('my-api /test-data get /')({});
    assert.equal(await data.get('foo'), 'bar');
  },
  'Storing single values': async (next) => {
    await next();
    assert.deepEqual(await data.get('foo'), ['arr1', 'arr2']);
  },
  'Storing objects': async (next) => {
    await next();
    await next();
    assert.deepEqual(await data.get('foo'), await next());
  },
  'Storing items in collections': async (next) => {
    await next();
    await next();
    assert.equal((await data.get('users:jane@doe.com')).title, 'Senior Developer');
  },
  'Adding a label': async (next) => {
    for (let i = 0; i < 3; ++i) await next();
    const page = await data.getByLabel('label1', 'product-released:2023-07-01');
    assert.deepEqual(page, { items: [{ key: 'productId-12345', value: {} }] });
  },
  'Default labels': async (next) => {
    await data.set('myKey', 1, { label1: 'old1', label2: 'old2' });
    await next();
    const { value, label1, label2 } = await data.get('myKey', true);
    assert.deepEqual([value, label1, label2], ['myValue', 'someLabel', 'old2']);
  },
  'Removing a label': async (next) => {
    await data.set('myKey', 1, { label1: 'old1' });
    await next();
    assert.ok(!('label1' in (await data.get('myKey', true))));
  },
  'Setting items': async (next) => {
    await next();
    const { items } = await data.get(['foo', 'fooNum', 'foo-Bool', 'foo_Array', 'foo Obj']);
    assert.deepEqual(
      items.map(({ value }) => value),
      ['bar', 123456, true, ['val1', 'val2', 'val3'], { key1: 'some val', key2: 'some other val' }],
    );
  },
  'Setting an item with options': async (next) => {
    await data.set('foo', { old: 1 }, { label3: 'old' });
    await next();
    const { created, modified, ttl, ...rest } = await data.get('foo', true);
    assert.deepEqual(rest, { key: 'foo', value: 'bar', label1: 'baz', label2: 'baz:bat' });
    assert.deepEqual(created, modified);
    assert.ok(Math.abs(ttl - modified - 3_600_000) <= 1000);
  },
  'Setting multiple items': async (next, document) => {
    const { results } = await next();
    const first = document === 'first.md';
    assert.deepEqual(results.items, [
      { key: 'key1', value: 'string value' },
      { key: 'someOtherKey', value: 123 },
      { key: 'namespacedKey:keyX', value: first ? { foo: 'bar' } : { bat: 'baz', foo: 'bar' } },
    ]);
    const labelled = first ? 'namespacedKey:keyX' : 'someOtherKey';
    assert.deepEqual(keys(await data.getByLabel('label1', 'foo:baz')), [labelled]);
    assert.ok((await data.get('someOtherKey', true)).ttl > new Date());
  },
  'Existence checks': async (next) => {
    await data.set('myKey', {});
    assert.equal(await errorOf(next()), 'Item already exists');
    await data.remove('myKey');
    assert.equal(await errorOf(next()), 'Item does not exist');
  },
  'Setting default values': async (next) => {
    await data.set('myKey', { key1: 'old', key2: 'old' });
    await next();
    assert.deepEqual(await data.get('myKey'), { key1: 'myValue', key2: 'old' });
  },
  'Defaults for input': async (next) => {
    globalThis.req = { body: { key2: 'input' } };
    await next();
    delete globalThis.req;
    const value = { key1: 'defaultVal1', key2: 'input', key3: 'defaultVal3' };
    assert.deepEqual(await data.get('myKey'), value);
  },
  'A default for a single value': async (next) => {
    await next();
    assert.equal(await data.get('myKey'), 'defaultValue');
  },
  'Adding to a number': async (next) => {
    await data.set('myCounter', 10);
    assert.equal((await next()).results, 11);
    assert.equal((await next()).results, -1);
  },
  'Adding to an attribute': async (next) => {
    await data.set('myObjectKey', { nestedCounter: 1, other: 'x' });
    assert.deepEqual((await next()).results, { nestedCounter: 6, other: 'x' });
  },
  'Updating multiple values atomically': async (next) => {
    await data.set('myObject', { nestedCounter: 1, someOtherValue: 'bar' });
    const value = { nestedCounter: 2, anotherCounter: 5, someOtherValue: 'foo' };
    assert.deepEqual((await next()).results, value);
  },
  'Getting an item': async (next) => {
    await data.set('foo', { a: 1 });
    assert.deepEqual((await next()).result, { a: 1 });
  },
  'Getting a collection': async (next) => {
    await setAll('my-namespace:b', 'my-namespace:a', 'other:a');
    assert.deepEqual(keys((await next()).result), ['my-namespace:a', 'my-namespace:b']);
  },
  'Getting options': async (next) => {
    await setAll(...Array.from({ length: 12 }, (_, i) => `users:${i + 10}`));
    const { users } = await next();
    assert.deepEqual(
      keys(users),
      Array.from({ length: 10 }, (_, i) => `users:${21 - i}`),
    );
    assert.equal(users.lastKey, 'users:12');
  },
  'Getting meta data': async (next, document) => {
    await setAll('foo', 'users:b', 'users:a');
    const { results: item } = await next();
    assert.ok(item.created instanceof Date && item.modified instanceof Date);
    const { results: page } = await next();
    const all = document === 'first.md' ? ['foo', 'users:a', 'users:b'] : ['users:a', 'users:b'];
    assert.deepEqual(keys(page), all);
    assert.ok(page.items.every(({ created }) => created instanceof Date));
  },
  'What a query returns': async (next) => {
    const shown = await next();
    await data.set(shown.items);
    assert.deepEqual(await data.get('foo:*'), shown);
  },
  Pagination: async (next) => {
    const values = { bar: 'item1', bat: true, baz: 1234, bazaar: 'more' };
    for (const [name, value] of Object.entries(values)) await data.set(`foo:${name}`, value);
    const { result } = await next();
    assert.deepEqual({ ...result, next: result.next.constructor.name }, await next());
    const { nextResult } = await next();
    assert.deepEqual(nextResult, { items: [{ key: 'foo:bazaar', value: 'more' }] });
    assert.deepEqual(await result.next(), nextResult);
  },
  'All pages': async (next) => {
    await setAll(...Array.from({ length: 7 }, (_, i) => `foo:${i}`));
    const pages = [];
    const { get } = data;
    data.get = async (...words) => noting(await get.apply(data, words));
    const noting = (page) => {
      pages.push(keys(page));
      return page.next ? { ...page, next: async () => noting(await page.next()) } : page;
    };
    const { result } = await next();
    delete data.get;
    assert.equal(result, null);
    assert.deepEqual(pages, [['foo:0', 'foo:1', 'foo:2'], ['foo:3', 'foo:4', 'foo:5'], ['foo:6']]);
  },
  'Partial matches': async (next) => {
    await setAll('user123:orders_2', 'user123:orders_1', 'user123:profile');
    const all = ['user123:orders_1', 'user123:orders_2', 'user123:profile'];
    assert.deepEqual(keys((await next()).results), all);
    const { results } = await next();
    assert.deepEqual(keys(results), all.slice(0, 2));
    assert.ok(results.items[0].modified instanceof Date);
  },
  'Greater than and less than': async (next) => {
    const all = USER_KEYS.map((name) => `user123:${name}`);
    await setAll(...all);
    assert.deepEqual(keys((await next()).results), all.slice(3));
    assert.deepEqual(keys((await next()).results), all.slice(2));
    assert.deepEqual(keys((await next()).results), all.slice(0, 2));
    assert.deepEqual(keys((await next()).results), all.slice(0, 3));
  },
  'Between two keys': async (next) => {
    const all = USER_KEYS.map((name) => `user123:${name}`);
    await setAll(...all);
    assert.deepEqual(keys((await next()).results), all.slice(0, 4));
  },
  Labels: async (next) => {
    const { newOrder, user_orders, order } = await next();
    assert.deepEqual(newOrder, {});
    const page = { items: [{ key: 'user-1234:ORDER_2021-05-18_9321', value: {} }] };
    assert.deepEqual([user_orders, order], [page, page]);
  },
  'Getting multiple items': async (next) => {
    await setAll('namespacedKey:keyX', 'key1');
    assert.deepEqual(keys((await next()).results), ['key1', 'namespacedKey:keyX']);
  },
  'Removing items': async (next) => {
    await setAll('foo', 'foo:bar', 'key1', 'namespacedKey:keyX', 'left');
    for (let i = 0; i < 3; ++i) assert.equal((await next()).results, true);
    assert.deepEqual(keys(await data.scan()), ['left']);
  },
  'An event handler': async (next) => {
    await next();
    await listening();
    await change('ns:a', 'b');
    const [created] = await eventsOf(1);
    assert.deepEqual(created.sort(), ['created b', 'created ns:a']);
  },
  'More than one event': async (next) => {
    await next();
    await listening();
    await change('ns:a');
    const [two, all] = await eventsOf(2);
    assert.deepEqual(two, ['created ns:a', 'updated ns:a']);
    assert.deepEqual(all, ['created ns:a', 'updated ns:a', 'deleted ns:a']);
  },
  'A simple key': async (next) => {
    await next();
    await listening();
    await change('global-item', 'global-items', 'ns:global-item', 'global-item:a');
    const all = ['created global-item', 'updated global-item', 'deleted global-item'];
    assert.deepEqual(await eventsOf(1), [all]);
  },
  'A simple key prefix': async (next) => {
    await next();
    await listening();
    await change('order_1', 'order', 'order_1:item');
    assert.deepEqual(await eventsOf(1), [['created order_1']]);
  },
  'A namespace and key prefix': async (next) => {
    await next();
    await listening();
    await change('order_1:item_1', 'order_1:other', 'order:item_1', 'order_1');
    assert.deepEqual(await eventsOf(1), [['created order_1:item_1']]);
  },
  'Created timestamp integrity check': async (next) => {
    const item = await next();
    const options = await next();
    assert.equal(
      Date.parse(item.created) / 1000,
      options.created,
      'the document agrees with itself',
    );
    const message = "The 'created' date integrity check failed. The dates must match.";
    await data.set(item.key, item.value);
    assert.equal(await errorOf(data.set(item.key, 'other', options)), message);
    const { created } = await data.get(item.key, true);
    await data.set(item.key, 'other', { ...options, created: created / 1000 });
    assert.deepEqual((await data.get(item.key, true)).created, created);
  },
  'Storing null values': async (next) => {
    await next();
    assert.equal(data.removeNulls, false);
    assert.deepEqual(await data.set('foo', { a: null }), { a: null });
    data.removeNulls = true;
  },
};

for (const document of ['first.md', 'second.md']) {
  for (const { title, blocks } of readSamples(document)) {
    test(`sample: ${document} ${title}`, async () => {
      const left = [...blocks];
      const next = async () => {
        const { kind, code } = left.shift();
        return kind === 'js' ? run(code) : evaluate(code);
      };
      await checks[title](next, document);
      assert.equal(left.length, 0, 'all blocks have been run');
    });
  }
}
