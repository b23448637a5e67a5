'use strict';
/**
 * Options objects to the option words of a command. Only what JavaScript adds is checked here (types
 * that the wire cannot carry); everything else is for the server to judge.
 */
const { encode } = require('./codec');
const { ValidationError } = require('./errors');
const { LABELS, checkKey, checkLabelName } = require('./keys');

/**
 * The options argument of set and add as an object: a boolean stands for `meta`.
 * @returns {object}
 */
function writeOptions(options) {
  if (options === undefined || options === null) return {};
  if (typeof options === 'boolean') return { meta: options };
  if (typeof options === 'object' && !Array.isArray(options)) return options;
  throw new Error("'options' must be a boolean or object");
}

/** True if nulls are to be stored: by the call's own option, else by `removeNulls` of the client. */
function keepsNulls(options, removeNulls) {
  return options.removeNulls === false || (!removeNulls && options.removeNulls !== true);
}

/** The option words of AMPT.SET and AMPT.ADD. */
function writeWords(options) {
  const words = [];
  if (options.meta === true) words.push('META');
  if (options.overwrite === true) words.push('OVERWRITE');
  if (typeof options.exists === 'boolean') words.push('EXISTS', String(options.exists));
  if (options.created !== undefined) {
    if (typeof options.created !== 'number') {
      throw new ValidationError("'created' value must be a number");
    }
    if (options.created) words.push('CREATED', String(options.created));
  }
  if (options.ttl === null) words.push('TTL', '');
  else if (options.ttl !== undefined) words.push('TTL', String(checkTtl(options.ttl)));
  for (const name of LABELS) {
    if (name in options) words.push(...labelWords(name, options[name]));
  }
  return words;
}

/** The words of DEFAULT; none without a default. */
function defaultWords(options) {
  const { default: value } = options;
  if (value === undefined || value === null) return [];
  return ['DEFAULT', encode(value)];
}

function labelWords(name, label) {
  const word = name.toUpperCase();
  if (label === undefined || label === null) return [word, ''];
  return Array.isArray(label) ? [`${word}NX`, checkLabel(label[0])] : [word, checkLabel(label)];
}

function checkLabel(label) {
  // On the wire the empty text would remove the label.
  if (label === '') throw new ValidationError('Invalid key');
  return checkKey(label);
}

/**
 * A ttl as the wire has it: a number of seconds or the text of a date. Text must begin with a year,
 * as the server would take a bare number for seconds.
 * @returns {number|string}
 */
function checkTtl(ttl) {
  if (Number.isInteger(ttl)) return ttl;
  const valid = ttl instanceof Date && !Number.isNaN(ttl.getTime());
  const text = valid ? ttl.toISOString() : ttl;
  if (typeof text !== 'string' || !/^\d{4}(-|$)/.test(text)) {
    throw new ValidationError('Invalid ttl value.');
  }
  return text.length === 4 ? `${text}-01` : text;
}

/** The members of an item of AMPT.MSET beside its value. */
function itemMembers(item) {
  const members = {};
  if (item.ttl !== undefined) members.ttl = item.ttl === null ? null : checkTtl(item.ttl);
  for (const name of LABELS) {
    const label = item[name];
    if (label === undefined || label === null) continue;
    members[name] = checkLabel(Array.isArray(label) ? label[0] : label);
  }
  return members;
}

/**
 * The option words of AMPT.GET but START. `options` may be anything but null: what has no such
 * property has no such option.
 */
function readWords(options) {
  const words = [];
  if (options === true || options.meta) words.push('META');
  if (options.label) words.push('LABEL', checkLabelName(options.label));
  if (options.limit) {
    if (!Number.isInteger(options.limit)) {
      throw new ValidationError("'limit' must be between 1 and 1000");
    }
    words.push('LIMIT', String(options.limit));
  }
  if (options.reverse === true) words.push('REVERSE');
  return words;
}

/** The word of START, if there is one. */
function startOf(options) {
  return options.start ? keyBytes(options.start) : undefined;
}

/** A `lastKey` as a word: one that is not UTF-8 came as `{ $binary }`. */
function keyBytes(key) {
  return typeof key?.$binary === 'string' ? Buffer.from(key.$binary, 'base64') : checkKey(key);
}

module.exports = {
  defaultWords,
  itemMembers,
  keepsNulls,
  keyBytes,
  readWords,
  startOf,
  writeOptions,
  writeWords,
};
