// What the types say; a line that must not compile stands behind @ts-expect-error.
import {
  ConnectionError,
  ValidationError,
  createData,
  data,
  type Data,
  type DataEvent,
  type Item,
  type KeyValue,
  type Page,
} from 'ampt-data';

interface User {
  name: string;
  visits?: number;
}

// True only if the types are the same.
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A>() {
  return <B,>(_: B, __: Same<A, B>) => {};
}

// One item.
same<User | undefined>()(await data.get<User>('user:ann'), true);
same<Item<User> | undefined>()(await data.get<User>('user:ann', true), true);
same<Item<User> | undefined>()(await data.get<User>('user:ann', { meta: true }), true);
same<User | undefined>()(await data.get<User>('user:ann', false), true);
const anything = await data.get('foo');
anything.whatever.it.is;

// Pages: the query says that it is one.
same<Page<KeyValue<User>>>()(await data.get<User>('user:*'), true);
same<Page<KeyValue<User>>>()(await data.get<User>('user:a*', { limit: 5, reverse: true }), true);
same<Page<Item<User>>>()(await data.get<User>('user:>=2021', true), true);
same<Page<Item<User>>>()(await data.get<User>('user:<2021', { meta: true, start: 'user:a' }), true);
same<Page<KeyValue<User>>>()(await data.get<User>('user:a|b'), true);
same<Page<Item<any>>>()(await data.get('*', true), true);
same<Page<KeyValue<User>>>()(await data.get<User>('exact', { label: 'label1' }), true);
same<Page<KeyValue<User>>>()(await data.getByLabel<User>('label5', 'city:oslo'), true);
same<Page<Item<User>>>()(await data.getByLabel<User>('1', 'city:*', true), true);
same<Page<Item<any>>>()(await data.scan({ meta: true }), true);

let page: Page<KeyValue<User>> | undefined = await data.get<User>('user:*');
while (page) {
  const names: string[] = page.items.map(({ value }) => value.name);
  names.concat(page.lastKey ?? []);
  page = await page.next?.();
}

// Batches.
same<KeyValue<User>[]>()((await data.get<User>(['user:ann', 'user:bob'])).items, true);
same<Item<any>[]>()((await data.get(['a'], true)).items, true);
const batch = await data.set<number>(
  [
    { key: 'a', value: 1, ttl: 60, label1: 'x' },
    { key: 'b', value: 2, default: 0, label2: ['y'] },
  ],
  { overwrite: true },
);
same<KeyValue<number>[]>()(batch.items, true);

// Writes.
same<string>()(await data.set<string>('foo', 'bar'), true);
same<User>()(await data.set<User>('user:ann', { visits: { $add: 1 } }), true);
same<User>()(await data.set<User>('user:ann', { name: null }, { removeNulls: false }), true);
same<Item<User>>()(await data.set<User>('user:ann', { name: 'Ann' }, true), true);
await data.set('foo', undefined, { default: 'x' });
await data.set('foo', { a: { $add: 2n }, b: [1, { c: null }] }, { ttl: new Date(), created: 1 });
await data.set('foo', 1, {
  label1: 'a',
  label2: ['b'],
  label3: null,
  label4: undefined,
  ttl: null,
});
same<number>()(await data.add('n', 1), true);
same<Item<number>>()(await data.add('n', 1n, { meta: true, exists: true }), true);
same<User>()(await data.add<User>('user:ann', 'visits', 1), true);
same<true>()(await data.remove('a'), true);
same<true>()(await data.remove(['a', 'b']), true);
same<{ items: number }>()(await data.seed('items.json', { overwrite: true }), true);

// Events.
data.on<User>(['created:user:*', 'updated'], { timeout: 1000 }, async (event) => {
  same<DataEvent<User>>()(event, true);
  same<User | undefined>()(event.previous?.value, true);
  same<'created' | 'updated' | 'deleted'>()(event.name, true);
});
data.on('*', () => 5);

// Clients.
const client: Data = createData({
  url: 'redis://127.0.0.1',
  onError: (error, event) => console.error(error.message, event?.item.key),
  events: { backoff: [1, 2], maxAge: 5, concurrency: 1 },
});
client.removeNulls = false;
try {
  await client.close();
} catch (error) {
  if (error instanceof ValidationError) same<400>()(error.statusCode, true);
  if (error instanceof ConnectionError) same<'CONNECTION'>()(error.code, true);
}

// @ts-expect-error a key is text
await data.get(5);
// @ts-expect-error there are five labels
await data.get('foo:*', { label: 'label6' });
// @ts-expect-error a limit is a number
await data.get('foo:*', { limit: '5' });
// @ts-expect-error a batch get has no limit
await data.get(['a'], { limit: 5 });
// @ts-expect-error an item has a value
await data.set([{ key: 'a' }]);
// @ts-expect-error exists is a boolean
await data.set('foo', 1, { exists: 'yes' });
// @ts-expect-error a user has no such attribute
await data.set<User>('user:ann', { age: 5 });
// @ts-expect-error increments are numbers
await data.add('foo', 'attribute', '5');
// @ts-expect-error there is no such event
data.on('changed', () => {});
// @ts-expect-error a handler is needed
data.on('created');
// @ts-expect-error a switch is a boolean
data.removeNulls = 0;
