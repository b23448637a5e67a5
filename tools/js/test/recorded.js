'use strict';
// The recorded calls: test/fixtures/records.jsonl, one JSON object a line, to be replayed in the
// order of their ids. `args` and `result` hold JavaScript values in an encoding that `revive` reads.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

/** The records, in order; each `at` is the epoch second of the call. */
function readRecords() {
  const lines = readFileSync(join(__dirname, 'fixtures/records.jsonl'), 'utf8').trim().split('\n');
  const records = lines.map((line) => JSON.parse(line)).sort((a, b) => a.id - b.id);
  let at;
  for (const record of records) at = record.at ??= at;
  return records;
}

const REVIVERS = {
  $undefined: () => undefined,
  $number: (text) => Number(text),
  $bigint: (text) => BigInt(text),
  $date: (text) => new Date(text),
  $repeat: ([unit, count]) => unit.repeat(count),
  $concat: (parts) => parts.map(revive).join(''),
  $bytes: (hex) => Uint8Array.from(Buffer.from(hex, 'hex')),
  $set: (elements) => new Set(elements),
  $map: (entries) => new Map(entries),
  $function: () => () => {},
};

/** A JavaScript value from its encoding in a record. */
function revive(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(revive);
  const [name] = Object.keys(value);
  if (Object.hasOwn(REVIVERS, name)) return REVIVERS[name](value[name]);
  return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, revive(content)]));
}

/** Fails unless a result is as recorded; dates may be a second away. */
function assertAsRecorded(actual, expected) {
  assert.deepStrictEqual(withDatesOf(expected, actual), expected);
}

// `actual` with the dates of `expected` where they are at most a second apart.
function withDatesOf(expected, actual) {
  if (expected instanceof Date && actual instanceof Date) {
    return Math.abs(expected - actual) <= 1000 ? expected : actual;
  }
  if (actual === null || typeof actual !== 'object' || actual instanceof Date) return actual;
  if (Array.isArray(actual)) return actual.map((element, i) => withDatesOf(expected?.[i], element));
  return Object.fromEntries(
    Object.entries(actual).map(([name, value]) => [name, withDatesOf(expected?.[name], value)]),
  );
}

module.exports = { assertAsRecorded, readRecords, revive };
