'use strict';
/**
 * What the client has to know about keys: whether a value is one at all, and whether an expression
 * asks for one item or for a page. How a key is trimmed, how long it may be and what a query finds is
 * the server's business.
 */
const { ValidationError } = require('./errors');

/** The names of the labels, in order. */
const LABELS = ['label1', 'label2', 'label3', 'label4', 'label5'];

// Half of a surrogate pair has no form in UTF-8: all such strings would become one and the same key.
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Throws unless `key` is a string that the wire can carry.
 * @param {unknown} key
 * @returns {string} the same
 */
function checkKey(key) {
  if (typeof key !== 'string' || LONE_SURROGATE.test(key)) throw new ValidationError('Invalid key');
  return key;
}

/**
 * True if `get` of this expression finds a page, false if it finds one item. An operator counts only
 * behind the first colon; `*` alone stands for everything.
 * @param {string} expression
 */
function isQuery(expression) {
  const colon = expression.indexOf(':');
  if (colon < 0) return expression.trim() === '*';
  return /^\s*[<>]|[*|]/.test(expression.slice(colon + 1));
}

/**
 * Throws unless `label` can be the name of a label.
 * @param {unknown} label
 * @returns {string} the same
 */
function checkLabelName(label) {
  if (typeof label === 'string') return label;
  throw new TypeError("Labels must be specified as 'label1' through 'label5'.");
}

module.exports = { LABELS, checkKey, checkLabelName, isQuery };
