'use strict';
// Keyv over @keyv/redis: what Keyv's own test suite asks of a store, and what it does not ask.
const { expect } = require('expect');
const { Keyv } = require('keyv');
const { default: KeyvRedis } = require('@keyv/redis');
const suite = require('@keyv/test-suite');
const { check, printVersion } = require('../node/check.js');

const url = `redis://127.0.0.1:${process.env.PORT}/8`;

// The few words of vitest that the suite uses: checks run when all are known, one after the other.
function collect() {
  const checks = [];
  const before = [];
  const after = [];
  return {
    checks,
    describe: (_, define) => define(),
    it: (name, run) => checks.push({ name, run, before: [...before], after: [...after] }),
    beforeEach: (run) => before.push(run),
    afterEach: (run) => after.push(run),
  };
}

async function runSuite() {
  const stores = [];
  const store = () => {
    stores.push(new KeyvRedis(url, { namespace: 'suite' }));
    return stores.at(-1);
  };
  for (const part of ['keyvApiTests', 'keyvIteratorTests', 'keyvNamespaceTest', 'keyvValueTests']) {
    const test = collect();
    suite[part](test, Keyv, store);
    check(`${part} has tests`, test.checks.length > 0);
    for (const { name, run, before, after } of test.checks) {
      let failure = null;
      try {
        for (const each of before) await each({ expect });
        await run({ expect });
        for (const each of after) await each({ expect });
      } catch (error) {
        failure = error.message;
      }
      check(`suite: ${name}`, failure, null);
    }
  }
  await Promise.all(stores.map((one) => one.disconnect()));
}

async function main() {
  printVersion('@keyv/redis');
  const keyv = new Keyv({ store: new KeyvRedis(url), namespace: 'ns', useKeyPrefix: false });
  keyv.on('error', (error) => console.log(`not ok - connection\n${error}`));
  check('set', await keyv.set('a', { x: [1, null] }, 10000));
  check('get', await keyv.get('a'), { x: [1, null] });
  check('get nothing', await keyv.get('nothing'), undefined);
  await keyv.setMany([{ key: 'b', value: 1 }, { key: 'c', value: 2, ttl: 10000 }]);
  check('setMany, getMany', await keyv.getMany(['b', 'c', 'd']), [1, 2, undefined]);
  check('has', [await keyv.has('b'), await keyv.hasMany(['b', 'x'])], [true, [true, false]]);
  check('delete', [await keyv.delete('b'), await keyv.has('b')], [true, false]);
  const found = [];
  for await (const [key] of keyv.iterator()) found.push(key);
  check('iterator', found.sort(), ['a', 'c']);
  await keyv.clear();
  check('clear', await keyv.get('a'), undefined);
  await keyv.disconnect();
  await runSuite();
}

main();
