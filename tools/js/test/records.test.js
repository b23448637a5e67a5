'use strict';
// What the existing service's own client was recorded to do, replayed through this one.
const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { createData } = require('..');
const { Connection } = require('../lib/connection');
const { exceptions } = require('./decisions');
const { assertAsRecorded, readRecords, revive } = require('./recorded');
const { Server } = require('./server');

const records = readRecords();
// The clock stands at the time of each record, so that dates come out as recorded.
const server = new Server(['--debug-clock', String(records[0].at * 1000)]);
const stores = {};
let admin;

before(async () => {
  await server.start();
  admin = new Connection({ url: server.url });
  stores.main1 = createData({ url: server.url });
  stores.nulls1 = createData({ url: `${server.url}/1` });
  stores.nulls1.removeNulls = false;
});

after(async () => {
  await Promise.all(Object.values(stores).map((data) => data.close()));
  admin.close();
  await server.remove();
});

async function outcomeOf(record) {
  const data = stores[record.store];
  const args = revive(record.args);
  if (record.kind === 'fixture') {
    for (const words of args) await data.set(...words);
    return { result: undefined };
  }
  try {
    return { result: await data[record.op](...args) };
  } catch (error) {
    return { error };
  }
}

function check(outcome, expected) {
  if (expected.refused) {
    assert.ok(outcome.error, 'it is an error');
  } else if (expected.page) {
    assert.ok(outcome.result.items.length > 0, 'it is a page');
  } else if (expected.error) {
    assert.ok(outcome.error, `it is the error: ${expected.error.message}`);
    const { name, message } = outcome.error;
    assert.deepEqual(
      { name, message },
      { name: expected.error.name, message: expected.error.message },
    );
    assert.equal(outcome.error.statusCode, expected.error.statusCode ?? outcome.error.statusCode);
  } else {
    if (outcome.error) throw outcome.error;
    assertAsRecorded(outcome.result, expected.result);
  }
}

for (const record of records) {
  const exception = exceptions.get(record.id);
  const note = exception ? ` (${exception.decision})` : '';
  test(`record ${record.id} ${record.name}${note}`, async () => {
    await admin.send(['DEBUG', 'CLOCK', String(record.at * 1000)]);
    const outcome = await outcomeOf(record);
    const asRecorded =
      'error' in record ? { error: record.error } : { result: revive(record.result) };
    if (!exception) return check(outcome, asRecorded);
    assert.throws(() => check(outcome, asRecorded), 'the exception is needed');
    check(outcome, exception.expect(record, new Date(record.at * 1000)));
  });
}

test('every exception has its record', () => {
  const ids = new Set(records.map(({ id }) => id));
  assert.deepEqual(
    [...exceptions.keys()].filter((id) => !ids.has(id)),
    [],
  );
});
