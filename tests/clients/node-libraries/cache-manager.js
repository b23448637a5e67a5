'use strict';
// cache-manager, which NestJS uses, over @keyv/redis.
const { createCache } = require('cache-manager');
const { Keyv } = require('keyv');
const { default: KeyvRedis } = require('@keyv/redis');
const { check, printVersion } = require('../node/check.js');

async function main() {
  printVersion('cache-manager');
  const store = new KeyvRedis(`redis://127.0.0.1:${process.env.PORT}/9`);
  const cache = createCache({ stores: [new Keyv({ store })] });
  await cache.set('a', { b: [1, null] }, 50000);
  check('get', await cache.get('a'), { b: [1, null] });
  check('get nothing', await cache.get('nothing'), undefined);
  const ends = await cache.ttl('a');
  check('ttl', ends > Date.now() && ends <= Date.now() + 50000);
  let calls = 0;
  const make = async () => ++calls;
  check('wrap', [await cache.wrap('w', make, 50000), await cache.wrap('w', make, 50000), calls],
        [1, 1, 1]);
  await cache.mset([{ key: 'x', value: 1 }, { key: 'y', value: 'two' }]);
  check('mset, mget', await cache.mget(['x', 'y', 'z']), [1, 'two', undefined]);
  await cache.del('a');
  check('del', await cache.get('a'), undefined);
  await cache.mdel(['x', 'w']);
  check('mdel', await cache.mget(['x', 'w', 'y']), [undefined, undefined, 'two']);
  await cache.clear();
  check('clear', await cache.get('y'), undefined);
  await cache.disconnect();
}

main();
