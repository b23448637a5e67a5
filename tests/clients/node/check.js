'use strict';
// What the Node.js clients' checks share: a TAP line for each.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { isDeepStrictEqual, inspect } = require('node:util');

// The version of an installed package, for the runner's table.
exports.printVersion = (name) => {
  const text = readFileSync(join(process.env.NODE_PATH, name, 'package.json'), 'utf8');
  console.log(`version ${JSON.parse(text).version}`);
};

// check(name, actual): it is true; check(name, actual, expected): it is that, also undefined.
exports.check = (name, actual, ...rest) => {
  const expected = rest.length > 0 ? rest[0] : true;
  if (isDeepStrictEqual(actual, expected)) {
    console.log(`ok - ${name}`);
  } else {
    console.log(`not ok - ${name}\nexpected: ${inspect(expected)}\nactual:   ${inspect(actual)}`);
  }
};

// The text of the error a promise ends with.
exports.errorOf = (promise) => promise.then(() => null, (error) => error.message);

// JSON values of every type.
exports.values = ['text', '', 12, 0.5, true, null, [1, null, { a: [] }], { é: { n: '😀' } }, {}];
