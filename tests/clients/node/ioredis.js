'use strict';
// ioredis: its connect sequence, pipelines, binary data, scan streams, and every value type.
const { Redis } = require('ioredis');
const { check, errorOf, values } = require('./check.js');

async function main() {
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
  const copy = redis.duplicate();
  check('a second connection', await copy.get('k'), 'v');
  check('quit', await Promise.all([copy.quit(), redis.quit()]), ['OK', 'OK']);
}

main();
