'use strict';
// Where the product differs on purpose from what was recorded, and what it does instead. Every
// exception names its records; there are no others.
const { revive } = require('./recorded');

const result = (value) => ({ result: value });
const validationError = (message) => ({ error: { name: 'ValidationError', message } });
const items = (pairs) => result({ items: pairs.map(([key, value]) => ({ key, value })) });
const recorded = (record) => revive(record.result);

/** `ids`, and what is expected instead of what their record says. */
const EXCEPTIONS = [
  {
    decision: 'a simple key and its namespace:0 are two items',
    252: () => result(undefined),
    253: () => items([]),
    255: (record) => result({ ...recorded(record), key: 'kcol', value: 'simple' }),
    260: (record) => {
      const [item, one] = recorded(record).items;
      return result({ items: [{ ...item, key: 'kcol:0', value: 'ns0' }, one] });
    },
    261: () =>
      items([
        ['kcol:0', 'ns0'],
        ['kcol:1', 'one'],
      ]),
    819: () => result(undefined),
    1028: () => items([['bg-a', 'a']]),
  },
  {
    decision: 'the page of a namespace has no simple keys',
    ids: [755, 770, 771, 778, 793, 820, 834],
    expect: (record) =>
      result({ items: recorded(record).items.filter(({ key }) => key.includes(':')) }),
  },
  {
    decision: 'a bare false as options means no meta',
    355: () => result('v'),
    360: () => result('v'),
    1032: () => items([['bg-a', 'a']]),
  },
  { decision: 'remove of several keys succeeds as true', 193: () => result(true) },
  {
    decision: 'a batch comes in the order of the request',
    ids: [1022, 1023],
    expect: (record) => {
      const [keys] = record.args;
      const place = ({ key }) => keys.indexOf(key);
      return result({ items: recorded(record).items.sort((a, b) => place(a) - place(b)) });
    },
  },
  {
    decision: 'numbers beyond 2^53 are kept exactly',
    43: () => result(9007199254740992n),
    44: () => result(-9007199254740992n),
    45: () => result(10000000000000000n),
    46: () => result(1e300),
    682: () => result(10000000000000000n),
    683: () => result({ a: 10000000000000000n }),
    684: () => result(10000000000000005n),
    685: () => result({ a: 10000000000000005n }),
  },
  {
    decision: 'numbers have no lower magnitude',
    47: () => result(5e-324),
    48: (record, at) => result({ key: 'ty-5e-324', value: 5e-324, created: at, modified: at }),
  },
  {
    decision: 'depth and size have limits of the server',
    ids: [74, 78, 79, 80],
    expect: (record) => result(revive(record.args[1])),
    82: () => result({ a: 'x'.repeat(307200), b: 'y'.repeat(204800) }),
  },
  {
    decision: 'a default never destroys what is stored, and may stand beside $add',
    560: () => result('scalar'),
    561: () => result('scalar'),
    567: () => result({ a: 1, b: 2 }),
    568: () => result({ a: 2, b: 2 }),
  },
  {
    decision: 'null is stored over a scalar too, and in batches by the global setting',
    282: () => result(null),
    283: (record) => result({ ...recorded(record), value: null }),
    305: () => items([['e', { y: null, q: 1 }]]),
  },
  {
    decision: '* is every item, and no key',
    131: () =>
      validationError("Invalid key: '*' stands for every item and cannot be the key of one"),
    ids: [132, 829],
    expect: () => ({ page: true }),
  },
  {
    decision: '$add takes a number and nothing else',
    ids: [
      652, 653, 654, 655, 656, 657, 660, 661, 663, 664, 665, 666, 667, 668, 669, 670, 671, 678, 679,
      680, 681,
    ],
    expect: () => validationError("'value' must be a number when using $add"),
  },
  {
    decision: 'what the other store refused is refused, in words of our own',
    ids: [62, 636, 638, 640, 642, 643, 644, 645, 648, 801, 802, 1026, 1027],
    expect: () => ({ refused: true }),
  },
];

/** The exceptions by record id: { decision, expect }. */
const byId = new Map();
for (const { decision, ids = [], expect, ...others } of EXCEPTIONS) {
  for (const id of ids) byId.set(id, { decision, expect });
  for (const [id, one] of Object.entries(others)) byId.set(Number(id), { decision, expect: one });
}

module.exports = { exceptions: byId };
