'use strict';
const { setTimeout: pause } = require('node:timers/promises');

const DEADLINE_MS = 60_000;

/**
 * Waits for a condition, and fails naming it where it does not come true.
 * @param {string} what
 * @param {() => unknown} condition may be async
 */
async function until(what, condition) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`In vain waited until ${what}`);
    await pause(10);
  }
}

module.exports = { until };
