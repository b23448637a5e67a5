'use strict';
// ioredis: its connect sequence, pipelines, binary data, scan streams, and every value type.
const { readFileSync } = require('node:fs');
const { Redis } = require('ioredis');
const { check, errorOf, values, printVersion } = require('./check.js');

async function main() {
  printVersion('ioredis');
  const redis = new Redis({ port: Number(process.env.PORT), connectionName: 'io', db: 1 });
  await redis.flushdb();
  check('ping', await redis.ping(), 'PONG');
  check('the name given when connecting', await redis.client('GETNAME'), 'io');
  check('set', await redis.set('k', 'v', 'EX', 100), 'OK');
  check('get', await redis.get('k'), 'v');
  check('get nothing', await redis.get('nothing'), null);
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
  await redis.set(Buffer.from([0, 255]), bytes);
  check('binary keys and values', (await redis.getBuffer(Buffer.from([0, 255]))).equals(bytes));
  check('mset, mget', [await redis.mset({ a: 1, b: 2 }), await redis.mget('a', 'x', 'b')],
        ['OK', ['1', null, '2']]);
  check('incr', await redis.incrby('n', 5), 5);
  check('error', await errorOf(redis.incr('k')), 'ERR value is not an integer or out of range');
  const pipeline = redis.pipeline();
  for (let i = 0; i < 5000; ++i) pipeline.set(`p:${i}`, i).get(`p:${i}`);
  const replies = await pipeline.exec();
  check('a pipeline of 10,000', replies.filter((_, i) => i % 2).map(([, reply]) => reply),
        Array.from({ length: 5000 }, (_, i) => String(i)));
  const found = [];
  for await (const keys of redis.scanStream({ match: 'p:*', count: 100 })) found.push(...keys);
  check('a scan stream finds every key once', [found.length, new Set(found).size], [5000, 5000]);
  for (const value of values) {
    await redis.call('AMPT.SET', 'v', JSON.stringify(value), 'OVERWRITE', 'REMOVENULLS', 'no');
    check(`the value ${JSON.stringify(value)}`, JSON.parse(await redis.call('AMPT.GET', 'v')), value);
  }
  check('a missing item', await redis.call('AMPT.GET', 'nothing'), null);
  check('count', await redis.call('AMPT.COUNT', 'p:*'), 5000);
  check('an error of ours', await errorOf(redis.call('AMPT.SET', 'x', '1', 'EXISTS', 'true')),
        'NOTFOUND Item does not exist');
  check('info', (await redis.info()).includes('redis_version:'));
  const listener = redis.duplicate();
  const heard = new Promise((resolve) => {
    const all = [];
    const note = (...words) => all.push(words) === 3 && resolve(all);
    listener.on('message', note);
    listener.on('pmessage', note);
  });
  check('subscribe', [await listener.subscribe('news', 'other'), await listener.psubscribe('n*')],
        [2, 3]);
  check('a subscriber may do little else', (await errorOf(listener.get('k'))) !== null);
  check('publish', [await redis.publish('news', 'hello'), await redis.publish('other', 'é')], [2, 1]);
  check('messages', await heard,
        [['news', 'hello'], ['n*', 'news', 'hello'], ['other', 'é']]);
  check('unsubscribe', [await listener.punsubscribe('n*'), await listener.unsubscribe()], [2, 0]);
  check('and on as before', await listener.get('k'), 'v');
  listener.disconnect();
  const staging = new Redis(`redis://staging:secret@127.0.0.1:${process.env.PORT}`);
  check('a user by URL', await staging.call('ACL', 'WHOAMI'), 'staging');
  check('is in his database', (await staging.client('INFO')).includes(' db=3 '));
  check('and does not leave it', await errorOf(staging.select(0)),
        'NOPERM this user has no permissions to use another database');
  await staging.quit();
  const secure = new Redis({
    port: Number(process.env.TLS_PORT), host: '127.0.0.1', username: 'staging', password: 'secret',
    tls: { ca: readFileSync(process.env.CA) },
  });
  const big = 'x'.repeat(3_000_000);
  check('TLS', [await secure.set('big', big), (await secure.get('big')) === big], ['OK', true]);
  check('TLS is left in order', [await secure.del('big'), await secure.quit()], [1, 'OK']);
  const copy = redis.duplicate();
  check('a second connection', await copy.get('k'), 'v');
  check('quit', await Promise.all([copy.quit(), redis.quit()]), ['OK', 'OK']);
}

main();
