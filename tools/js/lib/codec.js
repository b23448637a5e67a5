'use strict';
/**
 * JavaScript values to JSON text and back. Integers beyond 2^53 travel as BigInt, so nothing is
 * rounded; what JSON cannot say is refused rather than changed silently.
 */
const { randomUUID } = require('node:crypto');
const { ValidationError } = require('./errors');

/**
 * The JSON text of a value as the root of an item. Of an object every own attribute counts, whatever
 * its class.
 *
 * @param {unknown} value
 * @param {boolean} [keepNulls] false: an attribute that is `undefined` is written as null, which
 *     removes it; true: it is left out and its name returned, as null would be stored.
 * @returns {{ json: string, unset: string[] }}
 */
function encodeRoot(value, keepNulls = false) {
  if (value === undefined || value === null) return { json: 'null', unset: [] };
  if (typeof value !== 'object' || Array.isArray(value))
    return { json: write(value, []), unset: [] };
  const unset = [];
  const attributes = [];
  for (const [name, content] of Object.entries(addable(value))) {
    if (content === undefined && keepNulls) {
      unset.push(name);
    } else {
      attributes.push(`${JSON.stringify(name)}:${write(addable(content) ?? null, [value])}`);
    }
  }
  return { json: `{${attributes.join(',')}}`, unset };
}

/** The JSON text of a value that stands anywhere. */
function encode(value) {
  return write(value, []);
}

// `{ $add: undefined }` and `{ $add: NaN }` must reach the server, which refuses them: without the
// attribute they would be objects to store.
function addable(value) {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$add')) return value;
  return value.$add === undefined || Number.isNaN(value.$add) ? { ...value, $add: null } : value;
}

// `ancestors` are the objects around the value, against circles.
function write(value, ancestors) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new Error(`Special numeric value ${value} is not allowed`);
      return JSON.stringify(value);
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? 'null' : writeObject(value, ancestors);
    default:
      throw unsupported(typeof value);
  }
}

function writeObject(value, ancestors) {
  if (ancestors.includes(value)) throw unsupported('an object that contains itself');
  const inside = [...ancestors, value];
  if (Array.isArray(value)) {
    const elements = value.filter((element) => element !== undefined);
    return `[${elements.map((element) => write(element, inside)).join(',')}]`;
  }
  const entries = value instanceof Map ? [...value] : plainEntries(value);
  const attributes = entries.filter(([, content]) => content !== undefined);
  return `{${attributes
    .map(([name, content]) => `${JSON.stringify(String(name))}:${write(content, inside)}`)
    .join(',')}}`;
}

function plainEntries(value) {
  const prototype = Object.getPrototypeOf(value);
  // The second test knows the plain objects of other realms, such as those of node:vm.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return Object.entries(value);
  throw unsupported(prototype.constructor?.name || 'object');
}

function unsupported(what) {
  return new ValidationError(
    `Unsupported type passed: ${what}. Store strings, numbers, booleans, arrays and plain objects.`,
  );
}

// Stands before the digits of an integer beyond 2^53 while the text is parsed; no data contains it.
const BIGINT_MARK = `${randomUUID()}:`;
const LONG_NUMBER = /\d{16}/;
const STRING_OR_NUMBER = /"(?:[^"\\]+|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * The value of a JSON text. Integers beyond 2^53 become BigInt, all other numbers Number.
 * @param {string} json
 */
function decode(json) {
  if (!LONG_NUMBER.test(json)) return JSON.parse(json);
  const marked = json.replace(STRING_OR_NUMBER, (token) =>
    isUnsafeInteger(token) ? `"${BIGINT_MARK}${token}"` : token,
  );
  if (marked === json) return JSON.parse(json);
  return JSON.parse(marked, (_, value) =>
    typeof value === 'string' && value.startsWith(BIGINT_MARK)
      ? BigInt(value.slice(BIGINT_MARK.length))
      : value,
  );
}

function isUnsafeInteger(token) {
  return /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token));
}

const DATES = ['created', 'modified', 'ttl'];

/** An item with its dates as Date, changed in place. */
function reviveItem(item) {
  for (const name of DATES) {
    if (item[name] !== undefined) item[name] = new Date(item[name]);
  }
  return item;
}

/** The event of a JSON text: its items have dates. */
function decodeEvent(json) {
  const event = decode(json);
  reviveItem(event.item);
  if (event.previous) reviveItem(event.previous);
  return event;
}

module.exports = { decode, decodeEvent, encode, encodeRoot, reviveItem };
