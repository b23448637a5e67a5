'use strict';
// An app for the tests: writes the key of every event of the namespaces ledger… to a file.
//
//   node ledger.js FILE        with AMPT_URL and AMPT_APP
const { appendFileSync } = require('node:fs');
const { setTimeout: pause } = require('node:timers/promises');
const { data } = require('..');

const [, , file] = process.argv;

data.on('created:ledger*:*', { timeout: 500 }, async ({ item }) => {
  await pause(2);
  appendFileSync(file, `${item.key}\n`);
});

process.once('SIGTERM', () => data.close());
