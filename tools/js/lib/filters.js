'use strict';
/**
 * Event filters: `<event>`, `<event>:<key>` for simple keys and `<event>:<namespace>:<key>` for
 * namespaced ones. Event is created, updated, deleted or `*`; each other part is exact, or a prefix
 * when it ends in `*`.
 */

const EVENT_NAMES = ['created', 'updated', 'deleted'];

/**
 * What one `on` listens to: for each event name the filter of its keys. Of several specs for the same
 * event name the last one counts.
 *
 * @param {string | string[]} specs
 * @returns {Map<string, { namespace: string, key: string }>}
 */
function parseFilters(specs) {
  const filters = new Map();
  for (const spec of [specs].flat()) {
    const [name, namespace = '', ...rest] = String(spec).split(':');
    if (name !== '*' && !EVENT_NAMES.includes(name)) throw new Error(`Invalid event name: ${name}`);
    const filter = { namespace, key: rest.join(':') };
    for (const event of name === '*' ? EVENT_NAMES : [name]) filters.set(event, filter);
  }
  return filters;
}

/**
 * True if a key passes. An empty namespace stands for every key, an empty key for simple keys only.
 * @param {{ namespace: string, key: string }} filter
 * @param {string} key
 */
function matches(filter, key) {
  if (filter.namespace === '') return true;
  const colon = key.indexOf(':');
  if (filter.key === '') return colon < 0 && matchesPart(filter.namespace, key);
  return (
    colon >= 0 &&
    matchesPart(filter.namespace, key.slice(0, colon)) &&
    matchesPart(filter.key, key.slice(colon + 1))
  );
}

function matchesPart(pattern, text) {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}

// As many filters may a consumer have.
const MOST_FILTERS = 100;

/**
 * The filters of the server that let through all that any of these listen to.
 * @param {Iterable<Map<string, { namespace: string, key: string }>>} all
 * @returns {string[]} each once; where they would be too many, the names of the events alone
 */
function wireFilters(all) {
  const words = new Set();
  const names = new Set();
  for (const filters of all) {
    const one = filters.get('created');
    const everyEvent = EVENT_NAMES.every((name) => one !== undefined && filters.get(name) === one);
    for (const [name, filter] of everyEvent ? [['*', one]] : filters) {
      words.add(wireFilter(name, filter));
      names.add(name);
    }
  }
  return [...(words.size > MOST_FILTERS ? names : words)];
}

function wireFilter(name, { namespace, key }) {
  if (namespace === '') return name;
  return key === '' ? `${name}:${namespace}` : `${name}:${namespace}:${key}`;
}

module.exports = { EVENT_NAMES, matches, parseFilters, wireFilters };
