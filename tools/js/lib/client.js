'use strict';
/**
 * The client: every method is one command, so one round trip. It encodes the arguments, sends, and
 * decodes the reply; what the command means and whether it is allowed is decided by the server.
 */
const { readFile } = require('node:fs/promises');
const { decode, encode, encodeRoot, reviveItem } = require('./codec');
const { Connection } = require('./connection');
const { ValidationError } = require('./errors');
const { Events } = require('./events');
const { checkKey, isQuery } = require('./keys');
const {
  defaultWords,
  itemMembers,
  keepsNulls,
  keyBytes,
  readWords,
  startOf,
  writeOptions,
  writeWords,
} = require('./options');

const ITEMS_IN_A_BATCH = 25;
const BATCHES_AT_ONCE = 8;
const NO_KEY = "A string value of 'key' must be provided in each item";
const NO_VALUE = "Value can not be undefined without setting a 'default'";

/** See index.d.ts for what the methods promise. */
class Data {
  #connection;
  #events;
  #removeNulls = true;

  constructor(options = {}) {
    this.#connection = new Connection(options);
    this.#events = new Events(this.#connection, options);
  }

  get removeNulls() {
    return this.#removeNulls;
  }

  set removeNulls(value) {
    if (typeof value !== 'boolean') throw new Error('removeNulls must be a boolean value');
    this.#removeNulls = value;
  }

  async get(key, options = {}) {
    if (Array.isArray(key)) return this.#getBatch(key, options);
    const meta = options === true || Boolean(options.meta);
    const words = ['AMPT.GET', checkKey(key), ...readWords(options)];
    const start = startOf(options);
    if (options.label || isQuery(key)) return this.#page(words, start);
    if (start !== undefined) words.push('START', start);
    const reply = await this.#send(words);
    if (reply === null) return undefined;
    return meta ? reviveItem(decode(reply)) : decode(reply);
  }

  async getByLabel(label, key, options = {}) {
    const given = typeof options === 'boolean' ? { meta: options } : options;
    return this.get(key, { ...given, label });
  }

  async scan(options = {}) {
    return this.#page(['AMPT.GET', '*', ...readWords(options)], startOf(options));
  }

  async set(key, value, options) {
    if (Array.isArray(key)) return this.#setBatch(key, value);
    const given = writeOptions(options);
    checkKey(key);
    const keepNulls = value !== undefined && keepsNulls(given, this.#removeNulls);
    const { json, unset } = encodeRoot(value, keepNulls);
    const words = ['AMPT.SET', key, json, ...writeWords(given), ...defaultWords(given)];
    if (keepNulls) words.push('REMOVENULLS', 'no');
    if (unset.length > 0) words.push('UNSET', String(unset.length), ...unset);
    return this.#written(words, given);
  }

  async add(key, ...rest) {
    if (Array.isArray(key)) {
      throw new ValidationError(key.length ? NO_KEY : 'You must provide at least one item');
    }
    const attribute = typeof rest[0] === 'string' ? [rest.shift()] : [];
    const [increment, options] = rest;
    const numeric = typeof increment === 'number' || typeof increment === 'bigint';
    if (attribute.length > 0 && !numeric) throw new Error('Values must be numeric');
    const given = writeOptions(options);
    checkKey(key);
    if (!numeric || Number.isNaN(increment)) {
      throw new ValidationError("'value' must be a number when using $add");
    }
    const words = ['AMPT.ADD', key, ...attribute, encode(increment), ...writeWords(given)];
    return this.#written(words, given);
  }

  async remove(key) {
    const keys = Array.isArray(key) ? key : [key];
    checkCount(keys, 'key', 'remove');
    await this.#send(['AMPT.REMOVE', ...keys.map(checkKey)]);
    return true;
  }

  async seed(source, options = {}) {
    const items = typeof source === 'string' ? decode(await readFile(source, 'utf8')) : source;
    if (!Array.isArray(items)) throw new ValidationError('Please provide an array of items');
    const batches = [];
    for (let i = 0; i < items.length; i += ITEMS_IN_A_BATCH) {
      const batch = items.slice(i, i + ITEMS_IN_A_BATCH).map((item) => withoutDefault(item));
      batches.push([...batchWords(batch, !this.#removeNulls), 'QUIET']);
    }
    if (options === true || options?.overwrite === true) await this.#send(['FLUSHDB']);
    while (batches.length > 0) {
      const some = batches.splice(0, BATCHES_AT_ONCE);
      await Promise.all(some.map((words) => this.#send(words)));
    }
    return { items: items.length };
  }

  on(specs, ...rest) {
    const handler = rest.pop();
    this.#events.on(specs, rest[0], handler);
  }

  async close() {
    await this.#events.stop();
    this.#connection.close();
  }

  #send(words) {
    this.#events.announce();
    return this.#connection.send(words);
  }

  async #getBatch(keys, options) {
    const others = Object.keys(Object(options)).filter((name) => name !== 'meta');
    if (others.length > 0) {
      throw new ValidationError(`Invalid options for batch get request: ${others.join(', ')}`);
    }
    checkCount(keys, 'key', 'get');
    const meta = options === true || options.meta ? ['META'] : [];
    return this.#page(['AMPT.MGET', String(keys.length), ...keys.map(checkKey), ...meta]);
  }

  async #setBatch(items, options) {
    checkCount(items, 'item', 'set');
    const words = batchWords(items, keepsNulls(Object(options), this.#removeNulls));
    if (writeOptions(options).meta === true) words.push('META');
    return this.#page(words);
  }

  async #written(words, options) {
    const written = decode(await this.#send(words));
    return options.meta === true ? reviveItem(written) : written;
  }

  // A page of items behind `start`; where there is more, it carries the way to the next.
  async #page(words, start) {
    const from = start === undefined ? [] : ['START', start];
    const page = decode(await this.#send([...words, ...from]));
    page.items.forEach(reviveItem);
    if (page.lastKey !== undefined) page.next = () => this.#page(words, keyBytes(page.lastKey));
    return page;
  }
}

function checkCount(list, noun, operation) {
  if (list.length === 0) throw new ValidationError(`You must provide at least one ${noun}`);
  if (list.length <= ITEMS_IN_A_BATCH) return;
  throw new ValidationError(
    `You may only provide a maximum of ${ITEMS_IN_A_BATCH} ${noun}s in one batch ${operation} request`,
  );
}

// The words of AMPT.MSET that store these items, each in the place of what was there.
function batchWords(items, keepNulls) {
  const words = ['AMPT.MSET', String(items.length)];
  for (const item of items) {
    if (typeof item?.key !== 'string') throw new ValidationError(NO_KEY);
    if (!('value' in item)) {
      throw new ValidationError("A 'value' must be provided in each item");
    }
    words.push(checkKey(item.key), encodeItem(item, keepNulls));
  }
  if (keepNulls) words.push('REMOVENULLS', 'no');
  return words;
}

// `undefined` has no form on the wire, and with nulls kept null is no stand-in for it: what it would
// do is done here. The batch replaces whole items, so nothing stored has a say in it.
function encodeItem(item, keepNulls) {
  let { value, default: fallback } = item;
  if (value === undefined && keepNulls) {
    if (fallback === undefined || fallback === null) throw new ValidationError(NO_VALUE);
    value = fallback;
  }
  const { json, unset } = encodeRoot(value, keepNulls);
  const members = itemMembers(item);
  if (fallback !== undefined && fallback !== null) {
    if (unset.length > 0) {
      fallback = Object.fromEntries(
        Object.entries(fallback).filter(([name]) => !unset.includes(name)),
      );
    }
    members.default = fallback;
  }
  const rest = encode(members).slice(1, -1);
  return rest ? `{"value":${json},${rest}}` : `{"value":${json}}`;
}

function withoutDefault(item) {
  return item === null || typeof item !== 'object' ? item : { ...item, default: undefined };
}

/**
 * A client of its own. Nothing is connected until the first call.
 * @param {import('../index').DataOptions} [options]
 */
function createData(options) {
  return new Data(options);
}

module.exports = { Data, createData };
