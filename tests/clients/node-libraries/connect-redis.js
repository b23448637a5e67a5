'use strict';
// express-session over connect-redis and node-redis: sessions of a web server.
const http = require('node:http');
const { RedisStore } = require('connect-redis');
const session = require('express-session');
const { createClient } = require('redis');
const { check, printVersion } = require('../node/check.js');

// The store's methods take callbacks.
const call = (store, method, ...words) => new Promise((resolve, reject) => {
  store[method](...words, (error, value) => (error ? reject(error) : resolve(value)));
});

async function main() {
  printVersion('connect-redis');
  const client = createClient({ url: `redis://127.0.0.1:${process.env.PORT}/10` });
  await client.connect();
  const store = new RedisStore({ client, prefix: 'session:' });
  const sessions = session({
    store, secret: 'x', resave: false, saveUninitialized: false, cookie: { maxAge: 60000 },
  });
  const server = http.createServer((request, response) => sessions(request, response, () => {
    if (request.url === '/leave') {
      request.session.destroy(() => response.end('bye'));
      return;
    }
    request.session.visits = (request.session.visits || 0) + 1;
    response.end(String(request.session.visits));
  }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const first = await fetch(url);
  check('a new session', await first.text(), '1');
  const headers = { cookie: first.headers.get('set-cookie').split(';')[0] };
  for (const visits of ['2', '3', '4']) {
    check(`visit ${visits}`, await (await fetch(url, { headers })).text(), visits);
  }
  const [id] = await call(store, 'ids');
  check('it has a deadline', (await client.ttl(`session:${id}`)) > 0);
  check('length', await call(store, 'length'), 1);
  check('all', (await call(store, 'all')).map(({ visits }) => visits), [4]);
  await call(store, 'touch', id, { cookie: { originalMaxAge: 5000 } });
  check('touch', (await client.ttl(`session:${id}`)) > 0);
  await fetch(`${url}/leave`, { headers });
  check('destroy', await call(store, 'length'), 0);
  for (let i = 0; i < 200; ++i) await call(store, 'set', `s${i}`, { cookie: {} });
  check('ids of many', (await call(store, 'ids')).length, 200);
  await call(store, 'clear');
  check('clear', await client.dbSize(), 0);
  server.close();
  server.closeAllConnections();
  await client.close();
}

main();
