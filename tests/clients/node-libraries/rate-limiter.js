'use strict';
// rate-limiter-flexible over both clients: its counters are a Lua script, or INCR with a deadline.
const { Redis } = require('ioredis');
const { RateLimiterRedis } = require('rate-limiter-flexible');
const { createClient } = require('redis');
const { check, printVersion } = require('../node/check.js');

async function limit(name, storeClient, options) {
  const limiter = new RateLimiterRedis({
    storeClient, points: 3, duration: 60, blockDuration: 100, keyPrefix: name, ...options,
  });
  for (const used of [1, 2, 3]) {
    const { consumedPoints, remainingPoints, msBeforeNext } = await limiter.consume('ann');
    check(`${name}: point ${used}`,
          [consumedPoints, remainingPoints, msBeforeNext > 0 && msBeforeNext <= 60000],
          [used, 3 - used, true]);
  }
  const refusal = await limiter.consume('ann').then(() => null, (reason) => reason);
  check(`${name}: no fourth`, [refusal?.remainingPoints, refusal?.msBeforeNext > 60000], [0, true]);
  check(`${name}: get`, (await limiter.get('ann')).consumedPoints, 4);
  check(`${name}: penalty`, (await limiter.penalty('bob', 2)).consumedPoints, 2);
  check(`${name}: reward`, (await limiter.reward('bob', 1)).consumedPoints, 1);
  await limiter.set('eve', 2, 60);
  check(`${name}: set`, (await limiter.get('eve')).remainingPoints, 1);
  await limiter.block('eve', 60);
  check(`${name}: block`, await limiter.consume('eve').then(() => 'let in', () => 'kept out'),
        'kept out');
  check(`${name}: delete`, [await limiter.delete('ann'), await limiter.get('ann')], [true, null]);
}

async function main() {
  printVersion('rate-limiter-flexible');
  const port = Number(process.env.PORT);
  const ioredis = new Redis({ host: '127.0.0.1', port, db: 11 });
  await limit('ioredis', ioredis, {});
  ioredis.disconnect();
  const nodeRedis = createClient({ url: `redis://127.0.0.1:${port}/11` });
  await nodeRedis.connect();
  await limit('node-redis', nodeRedis, { useRedisPackage: true });
  await nodeRedis.close();
}

main();
