'use strict';
// The Express app of examples/orders, as its users see it, across a restart.
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { createInterface } = require('node:readline');
const { after, before, test } = require('node:test');
const { createData } = require('..');
const { Server } = require('./server');
const { until } = require('./until');

const server = new Server();
let app;
let url;

async function startApp() {
  app = spawn(process.execPath, ['examples/orders/app.mjs'], {
    cwd: join(__dirname, '..'),
    env: { ...process.env, AMPT_URL: server.url, AMPT_APP: 'orders', PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(app.stdout), 'line');
  url = line.replace('listening on ', '');
}

async function stopApp(signal) {
  const gone = once(app, 'exit');
  app.kill(signal);
  return (await gone)[0];
}

before(async () => {
  await server.start();
  await startApp();
});

after(async () => {
  if (app.exitCode === null) await stopApp('SIGKILL');
  await server.remove();
});

async function call(method, path, body) {
  const response = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
}

const summaryOf = async (name) => {
  const { orders, total } = await call('GET', `/customers/${name}`);
  return [orders, total];
};

test('orders are made, found, paid and summed up', async () => {
  const made = [];
  for (const [customer, total] of [
    ['ann', 10.1],
    ['bob', 5],
    ['ann', 20.2],
  ]) {
    made.push(await call('POST', '/orders', { customer, total }));
  }
  assert.deepEqual(
    made.map(({ status }) => status),
    [201, 201, 201],
  );
  const totals = ({ items }) => items.map(({ value }) => value.total);
  assert.deepEqual(totals(await call('GET', '/orders')), [20.2, 5, 10.1]);
  assert.deepEqual(totals(await call('GET', '/orders?customer=ann')), [20.2, 10.1]);
  const first = await call('GET', '/orders?limit=2');
  const start = encodeURIComponent(first.lastKey);
  assert.deepEqual(totals(await call('GET', `/orders?limit=2&start=${start}`)), [10.1]);

  const paid = await call('POST', `/orders/${encodeURIComponent(made[1].key)}/pay`);
  assert.equal(paid.status, 'paid');
  assert.deepEqual(totals(await call('GET', '/orders?status=paid')), [5]);
  assert.deepEqual(totals(await call('GET', '/orders?status=open')), [20.2, 10.1]);

  await until('the orders are summed up', async () => (await summaryOf('ann'))[0] === 2);
  assert.deepEqual(await summaryOf('ann'), [2, 30.3]);
  await until('the others, too', async () => (await summaryOf('bob'))[0] === 1);
  assert.deepEqual(await summaryOf('nobody'), [0, 0]);
});

test('bad requests are told so', async () => {
  assert.equal((await call('POST', '/orders', { customer: 'x' })).status, 400);
  assert.equal((await call('POST', '/orders/order:none/pay')).status, 404);
  const { status, error } = await call('GET', '/orders?limit=5000');
  assert.deepEqual([status, error], [400, "'limit' must be between 1 and 1000"]);
});

test('an order that comes while the app is away is counted when it is back', async () => {
  assert.equal(await stopApp('SIGTERM'), 0);
  const data = createData({ url: server.url });
  await data.set('order:9999', { customer: 'eve', total: 7 });
  await data.close();
  await startApp();
  await until('it is summed up', async () => (await summaryOf('eve'))[0] === 1);
  assert.deepEqual(await summaryOf('eve'), [1, 7]);
});
