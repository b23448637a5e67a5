'use strict';
// Redlock over ioredis: locks on several names, which Lua scripts take, extend and release.
const { Redis } = require('ioredis');
const { default: Redlock } = require('redlock');
const { check, printVersion } = require('../node/check.js');

async function main() {
  printVersion('redlock');
  const client = new Redis({ host: '127.0.0.1', port: Number(process.env.PORT), db: 12 });
  const redlock = new Redlock([client], { retryCount: 0 });
  redlock.on('error', () => {});  // also of locks that are held, which is no error here
  const isFree = (names) => redlock.acquire(names, 60000).then(
    (lock) => lock.release().then(() => true), () => false);
  let lock = await redlock.acquire(['a', 'b'], 60000);
  check('a lock', [await client.get('a'), await client.get('b')], [lock.value, lock.value]);
  check('is held', await isFree(['b', 'c']), false);
  check('and a refused one leaves nothing', await client.exists('c'), 0);
  lock = await lock.extend(600000);
  check('extend', (await client.pttl('a')) > 60000);
  await lock.release();
  check('release', await client.dbsize(), 0);
  check('is free', await isFree(['b', 'c']));
  await client.set('d', 'of somebody else');
  check('what somebody else holds', await isFree(['d']), false);
  check('is not released', await client.get('d'), 'of somebody else');
  await client.del('d');
  const lapsed = await redlock.acquire(['e'], 60000);
  await client.del('e');
  check('a lost lock is not extended',
        await lapsed.extend(60000).then(() => 'extended', () => 'refused'), 'refused');
  // It is extended twice or more while the routine waits for that.
  const outcome = await redlock.using(['f'], 1000, { automaticExtensionThreshold: 900 },
    async (signal) => {
      const until = Date.now() + 20000;
      let extensions = 0;
      let left = await client.pttl('f');
      while (extensions < 2 && Date.now() < until) {
        const now = await client.pttl('f');
        if (now > left) ++extensions;
        left = now;
      }
      return [extensions, signal.aborted];
    });
  check('using', [...outcome, await client.exists('f')], [2, false, 0]);
  client.disconnect();
}

main();
