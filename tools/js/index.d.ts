/**
 * JSON items with labels, range queries, counters and events: the client of ampt-server.
 *
 * A key is simple (`name`) or namespaced (`namespace:name`). White space around each part is removed;
 * a simple key, a namespace and a name have up to 256 bytes of UTF-8 each.
 */

/** What an item may hold. Integers beyond 2^53 are read as `bigint`; nothing is ever rounded. */
export type Value =
  string | number | bigint | boolean | null | Value[] | { [attribute: string]: Value | undefined };

/** The name of a label; `'1'` to `'5'` will do as well. */
export type LabelName =
  'label1' | 'label2' | 'label3' | 'label4' | 'label5' | '1' | '2' | '3' | '4' | '5';

/** Adds to a number, in one step with the write: as the whole value or as a root attribute. */
export interface Add {
  $add: number | bigint;
}

/** A value to write: root attributes may be `{ $add }`, and `undefined`, which removes them. */
export type Writable<T> =
  | T
  | Add
  | (T extends readonly unknown[] ? never : T extends object ? WritableAttributes<T> : never);

/** The attributes of an object to write, all of them optional. */
export type WritableAttributes<T extends object> = {
  [Name in keyof T]?: T[Name] | Add | null | undefined;
};

/**
 * Expressions that find a page: `ns:*` all, `ns:pre*` by prefix, `ns:>x` `ns:>=x` `ns:<x` `ns:<=x` up
 * or down from x, `ns:a|b` from a to b, both included; `*` everything.
 */
export type Query =
  | '*'
  | `${string}:${string}*`
  | `${string}:>${string}`
  | `${string}:<${string}`
  | `${string}:${string}|${string}`;

export interface Labels {
  label1?: string;
  label2?: string;
  label3?: string;
  label4?: string;
  label5?: string;
}

/** An item with all there is to know about it. */
export interface Item<T = any> extends Labels {
  key: string;
  value: T;
  /** When it was created, or overwritten without `created`. */
  created: Date;
  /** When it was written last. */
  modified: Date;
  /** When it will be gone. */
  ttl?: Date;
}

export interface KeyValue<T = any> {
  key: string;
  value: T;
}

/** Some items in order, and the way to more of them. */
export interface Page<I> {
  items: I[];
  /** The key to go on behind, as `start` of the next call; only where there is more. */
  lastKey?: string;
  /** Gets the next page; only where there is more. */
  next?: () => Promise<Page<I>>;
}

/** Items in the order of the request, without those that do not exist. */
export interface Batch<I> {
  items: I[];
}

export interface WriteOptions {
  /** Return the whole item instead of its value. */
  meta?: boolean;
  /** Replace the whole item, its labels and dates included, instead of merging. */
  overwrite?: boolean;
  /** true: fail unless the item exists; false: fail if it does. */
  exists?: boolean;
  /**
   * With `overwrite`: fail unless the item was created at this epoch second, and keep that date.
   */
  created?: number;
  /**
   * When the item is to go: an integer below 315,360,000 is seconds from now, from there on seconds
   * since 1970; text is an ISO 8601 date, full or partial, UTC where it names no zone. `null`: never.
   */
  ttl?: number | string | Date | null;
  /** false: store null attributes instead of removing them. Default: `data.removeNulls`. */
  removeNulls?: boolean;
  /** Text replaces the label, `[text]` sets it where there is none, null or undefined removes it. */
  label1?: LabelOption;
  label2?: LabelOption;
  label3?: LabelOption;
  label4?: LabelOption;
  label5?: LabelOption;
}

export type LabelOption = string | readonly [string] | null | undefined;

export interface SetOptions extends WriteOptions {
  /** What to store where nothing is stored yet: a whole value, or missing attributes of an object. */
  default?: unknown;
}

/** An item of a batch; it replaces what was there. */
export interface BatchItem {
  key: string;
  value: unknown;
  default?: unknown;
  ttl?: number | string | Date | null;
  label1?: LabelOption;
  label2?: LabelOption;
  label3?: LabelOption;
  label4?: LabelOption;
  label5?: LabelOption;
}

export interface BatchSetOptions {
  meta?: boolean;
  /** A batch always overwrites; say so for what a later version may do. */
  overwrite?: boolean;
  removeNulls?: boolean;
}

export interface QueryOptions {
  /** Return whole items instead of keys and values. */
  meta?: boolean;
  /** How many items a page has at most: 1 to 1000, default 100. */
  limit?: number | undefined;
  /** From the last to the first. */
  reverse?: boolean;
  /** Only what comes behind this key: the `lastKey` of the page before. */
  start?: string | undefined;
}

export interface GetOptions extends QueryOptions {
  /** Look at the items' labels instead of their keys. The result is a page. */
  label?: LabelName;
}

type Meta = true | { meta: true };
type Plain = false | { meta?: false };

export type EventName = 'created' | 'updated' | 'deleted';

/** A change of an item. */
export interface DataEvent<T = any> {
  /** Rises within a database and is never given twice. */
  id: string;
  name: EventName;
  /** The item as the change left it; of a deleted item the last state. */
  item: Item<T>;
  /** The item before, when it was updated. */
  previous?: Item<T>;
  /** Why it was deleted. */
  reason?: 'removed' | 'expired' | 'evicted';
  /** 1 when the event is handed out for the first time. */
  attempt: number;
  /** The event had been given up, and an operator replayed it: newer ones may have come before it. */
  replayed?: boolean;
}

export type EventHandler<T = any> = (event: DataEvent<T>) => unknown;

/**
 * What to listen to. `<event>` alone: every key. `<event>:<key>`: simple keys only.
 * `<event>:<namespace>:<key>`: namespaced keys only. A part is exact, or a prefix when it ends in `*`.
 */
export type EventFilter = EventName | '*' | `${EventName | '*'}:${string}`;

export interface HandlerOptions {
  /** Milliseconds until a handler counts as failed: default 5000, at most 60000. */
  timeout?: number;
}

export interface Data {
  /** Whether null attributes are removed (true, the default) or stored. */
  removeNulls: boolean;

  /**
   * Returns the value of a key, or `undefined` if there is none.
   *
   * - A query (`users:*`) returns a page of items, as does any expression with the option `label`.
   * - An array of up to 25 keys returns the items that exist, in the order of the keys.
   * - With `meta`, or `true` for the options, items come whole: dates, labels and ttl.
   */
  get<T = any>(keys: readonly string[], options: Meta): Promise<Batch<Item<T>>>;
  get<T = any>(keys: readonly string[], options?: Plain): Promise<Batch<KeyValue<T>>>;
  get<T = any>(query: Query, options: true | (GetOptions & { meta: true })): Promise<Page<Item<T>>>;
  get<T = any>(
    query: Query,
    options?: false | (GetOptions & { meta?: false }),
  ): Promise<Page<KeyValue<T>>>;
  get<T = any>(
    expression: string,
    options: GetOptions & { label: LabelName; meta: true },
  ): Promise<Page<Item<T>>>;
  get<T = any>(
    expression: string,
    options: GetOptions & { label: LabelName; meta?: false },
  ): Promise<Page<KeyValue<T>>>;
  get<T = any>(
    key: string,
    options: true | (GetOptions & { meta: true }),
  ): Promise<Item<T> | undefined>;
  get<T = any>(
    key: string,
    options?: false | (GetOptions & { meta?: false }),
  ): Promise<T | undefined>;

  /** Returns a page of the items whose label is as the expression says: exact, or a query. */
  getByLabel<T = any>(
    label: LabelName,
    expression: string,
    options: true | (QueryOptions & { meta: true }),
  ): Promise<Page<Item<T>>>;
  getByLabel<T = any>(
    label: LabelName,
    expression: string,
    options?: false | (QueryOptions & { meta?: false }),
  ): Promise<Page<KeyValue<T>>>;

  /** Returns a page of all items, in the order of their keys. */
  scan<T = any>(options: true | (GetOptions & { meta: true })): Promise<Page<Item<T>>>;
  scan<T = any>(options?: false | (GetOptions & { meta?: false })): Promise<Page<KeyValue<T>>>;

  /**
   * Creates an item, or merges the root attributes of an object into it, and returns its value as it
   * is then. An attribute that is null or undefined is removed, `{ $add: n }` counts.
   *
   * An array of 1 to 25 items replaces all of them, or none if one cannot be written.
   */
  set<T = any>(
    items: readonly BatchItem[],
    options: true | (BatchSetOptions & { meta: true }),
  ): Promise<Batch<Item<T>>>;
  set<T = any>(
    items: readonly BatchItem[],
    options?: false | null | (BatchSetOptions & { meta?: false }),
  ): Promise<Batch<KeyValue<T>>>;
  set<T = any>(
    key: string,
    value: Writable<T> | null | undefined,
    options: true | (SetOptions & { meta: true }),
  ): Promise<Item<T>>;
  set<T = any>(
    key: string,
    value: Writable<T> | null | undefined,
    options?: false | null | (SetOptions & { meta?: false }),
  ): Promise<T>;

  /** Adds to a number, absent counts as 0, and returns the sum: exact, however many add at once. */
  add(
    key: string,
    increment: number | bigint,
    options: true | (WriteOptions & { meta: true }),
  ): Promise<Item<number>>;
  add(
    key: string,
    increment: number | bigint,
    options?: false | null | (WriteOptions & { meta?: false }),
  ): Promise<number>;
  /** Adds to an attribute of an object, and returns the object. */
  add<T = any>(
    key: string,
    attribute: string,
    increment: number | bigint,
    options: true | (WriteOptions & { meta: true }),
  ): Promise<Item<T>>;
  add<T = any>(
    key: string,
    attribute: string,
    increment: number | bigint,
    options?: false | null | (WriteOptions & { meta?: false }),
  ): Promise<T>;

  /** Removes an item, or up to 25 of them. Items that do not exist are no error. */
  remove(key: string | readonly string[]): Promise<true>;

  /**
   * Writes any number of items, given as an array or as the path of a JSON file with one, in batches
   * that each replace their items. With `overwrite`, or `true` for the options, everything else that
   * is in the database is removed first.
   */
  seed(
    items: readonly BatchItem[] | string,
    options?: boolean | { overwrite?: boolean },
  ): Promise<{ items: number }>;

  /**
   * Calls a handler for every change that a filter lets through, from now on and across restarts of
   * this program and of the server.
   *
   * Handlers of one event are called one after another in the order of their definition; events of a
   * namespace in the order of the changes, those of other namespaces side by side. If a handler
   * throws or takes too long, the event is tried again from that handler on, later and later, for up
   * to 24 hours; until then the events of its namespace wait. Every event is handled at least once.
   *
   * Define all handlers while the program loads: what nobody listens to is not kept.
   */
  on<T = any>(filters: EventFilter | readonly EventFilter[], handler: EventHandler<T>): void;
  on<T = any>(
    filters: EventFilter | readonly EventFilter[],
    options: HandlerOptions | undefined,
    handler: EventHandler<T>,
  ): void;

  /**
   * Ends this client: no event is taken any more, handlers at work may end, then the connections
   * close. Wait for calls of your own first.
   */
  close(): Promise<void>;
}

export interface DataOptions {
  /**
   * redis://[[user]:password@]host[:port][/database], rediss:// for TLS. Default: `AMPT_URL`, or
   * redis://127.0.0.1:6379.
   */
  url?: string;
  /** The name under which the server keeps this app's events. Default: `AMPT_APP`, or "app". */
  app?: string;
  /** Milliseconds a call waits for a connection before it fails. Default 10000. */
  connectTimeout?: number;
  /** More settings for the Redis client underneath: createClient of @redis/client. */
  redis?: object;
  /** Called when an event handler fails, with its event, or events cannot be read. Default: prints. */
  onError?: (error: Error, event?: DataEvent) => void;
  events?: {
    /** How many events are in work at a time, each of another namespace. Default 100. */
    concurrency?: number;
    /** Milliseconds before the first retry, and before any at most. The server's: 1000, 900000. */
    backoff?: [first: number, longest: number];
    /** Seconds after which a failing event is given up. The server's default: 86400. */
    maxAge?: number;
  };
}

/** A client of its own. Nothing is connected until the first call. */
export function createData(options?: DataOptions): Data;

/** The client that most programs need: connected to `AMPT_URL` on its first use. */
export const data: Data;

/** A call that can never succeed as it was made. */
export class ValidationError extends Error {
  readonly name: 'ValidationError';
  readonly code: 'ERR';
  readonly statusCode: 400;
}

/** The server was not reached, or went away during the call, which may have been carried out. */
export class ConnectionError extends Error {
  readonly name: 'ConnectionError';
  readonly code: 'CONNECTION';
}

/**
 * What the stored item or the server's state does not allow is an Error with a `code`: `EXISTS`,
 * `NOTFOUND`, `CREATED`, `WRONGTYPE`, `OOM`, …
 */
export interface DataError extends Error {
  code: string;
}
