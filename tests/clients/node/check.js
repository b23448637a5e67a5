'use strict';
// The one helper of the Node.js clients' checks: a TAP line for each.
const { isDeepStrictEqual, inspect } = require('node:util');

exports.check = (name, actual, expected = true) => {
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
