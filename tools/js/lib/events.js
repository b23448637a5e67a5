'use strict';
/**
 * Event handlers over a durable consumer of the server.
 *
 * All handlers of a client share one consumer, named after the app, whose filters are what any of
 * them listens to. The server keeps the order within a namespace (it hands out one event of a
 * namespace at a time), the backlog, and the time of each retry; here events are read, handlers are
 * called one after another in the order of their definition, and the outcome is reported. Events of
 * different namespaces run side by side.
 */
const { setTimeout: pause } = require('node:timers/promises');
const { decodeEvent } = require('./codec');
const { Connection } = require('./connection');
const { ConnectionError, ValidationError } = require('./errors');
const { EVENT_NAMES, matches, parseFilters, wireFilters } = require('./filters');

const DEFAULT_APP = 'app';
const DEFAULT_TIMEOUT_MS = 5000;
const LONGEST_TIMEOUT_MS = 60_000;
const DEFAULT_CONCURRENCY = 100;
// As many events may be read at once.
const MOST_EVENTS = 1000;
// How long a read waits for an event, and so a stopping client for its reader.
const BLOCK_MS = 1000;
// What a report of the outcome may take before the server hands the event out again.
const REPORT_MS = 5000;
const PAUSE_AFTER_ERROR_MS = 1000;
const REASON_LENGTH = 300;
// For so many events that failed or could not be acknowledged it is kept which handlers are done.
const PROGRESS_ENTRIES = 10_000;

class Events {
  #connection; // for what is answered at once
  #reader; // for the reads that wait
  #options;
  #handlers = []; // in the order of definition: { filters, timeout_ms, call }
  #outdated = false; // the server does not know all handlers
  #scheduled; // an immediate that will tell it
  #configured; // a promise while it is told
  #loop; // a promise: the reading has ended
  #running = new Set(); // promises of events in work
  #progress = new Map(); // event id: the index of the handler to go on with
  #stopping = new AbortController();

  /**
   * @param {Connection} connection
   * @param {object} options those of createData
   */
  constructor(connection, options) {
    this.#connection = connection;
    this.#options = options;
  }

  /**
   * @param {string | string[]} specs see filters.js
   * @param {{ timeout?: number } | undefined} options
   * @param {(event: object) => unknown} call
   */
  on(specs, options, call) {
    if (typeof call !== 'function') throw new TypeError('An event handler must be a function');
    const filters = parseFilters(specs);
    const timeout_ms = checkTimeout(options?.timeout);
    if (filters.size === 0) return;
    this.#handlers.push({ filters, timeout_ms, call });
    this.#outdated = true;
    // Handlers that are defined together reach the server together: a consumer that had only the
    // first of them would miss what the others listen to.
    this.#scheduled ??= setImmediate(() => this.announce());
  }

  /**
   * Tells the server of new handlers. To be called before a command is sent, so that handlers see
   * what the program does after it defined them.
   */
  announce() {
    if (this.#scheduled === undefined) return;
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    this.#configured ??= this.#configure();
  }

  /** Ends the reading, and resolves once the handlers at work have ended and been reported. */
  async stop() {
    this.#stopping.abort();
    clearImmediate(this.#scheduled);
    // A read that waits ends by itself; one that the network has swallowed does not.
    await Promise.race([this.#loop, pause(2 * BLOCK_MS, undefined, { ref: false })]);
    this.#reader?.close();
    await Promise.all([this.#configured, this.#loop, ...this.#running]);
  }

  get #stopped() {
    return this.#stopping.signal.aborted;
  }

  get #consumer() {
    return this.#options.app ?? (process.env.AMPT_APP || DEFAULT_APP);
  }

  #send(subcommand, ...words) {
    return this.#connection.send(['AMPT.EVENTS', subcommand, this.#consumer, ...words]);
  }

  // Tells the server what to keep for this app, until it knows, and then reads. A consumer that
  // exists keeps its backlog. Its first command is sent before this returns.
  async #configure() {
    while (this.#outdated && !this.#stopped) {
      this.#outdated = false;
      try {
        await this.#send('CREATE', ...this.#settings());
      } catch (error) {
        this.#outdated = true;
        await this.#report(error);
      }
    }
    this.#configured = undefined;
    if (!this.#stopped) this.#loop ??= this.#read();
  }

  #settings() {
    const filters = wireFilters(this.#handlers.map((handler) => handler.filters));
    const { backoff, maxAge } = this.#options.events ?? {};
    const words = ['FILTERS', String(filters.length), ...filters];
    words.push('ACKWAIT', String(this.#ackWait_ms()));
    if (backoff) words.push('BACKOFF', ...backoff.map(String));
    if (maxAge) words.push('MAXAGE', String(maxAge));
    return words;
  }

  // Longer than all handlers of one event may take, so that none is handed out while at work.
  #ackWait_ms() {
    const longest = EVENT_NAMES.map((name) => {
      const called = this.#handlers.filter(({ filters }) => filters.has(name));
      return called.length * Math.max(0, ...called.map(({ timeout_ms }) => timeout_ms));
    });
    return Math.max(...longest) + REPORT_MS;
  }

  async #read() {
    this.#reader = new Connection(this.#options);
    const limit = this.#options.events?.concurrency ?? DEFAULT_CONCURRENCY;
    while (!this.#stopped) {
      await this.#configured;
      if (this.#running.size >= limit) {
        await Promise.race(this.#running);
        continue;
      }
      const count = String(Math.min(limit - this.#running.size, MOST_EVENTS));
      const options = ['COUNT', count, 'BLOCK', String(BLOCK_MS)];
      try {
        const read = ['AMPT.EVENTS', 'READ', this.#consumer, ...options];
        for (const json of (await this.#reader.send(read)) ?? []) this.#start(decodeEvent(json));
      } catch (error) {
        await this.#report(error);
        // Somebody dropped the consumer, or the server came back without its data.
        if (error.code === 'NOTFOUND') this.#outdated = true;
        if (this.#outdated) this.#configured ??= this.#configure();
      }
    }
  }

  #start(event) {
    const work = this.#handle(event).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  // Runs the handlers of an event from the one that failed last time, or from the first.
  async #handle(event) {
    const key = keyText(event.item.key);
    const concerned = this.#handlers.filter(({ filters }) => {
      const filter = filters.get(event.name);
      return filter !== undefined && matches(filter, key);
    });
    const timeout_ms = Math.max(0, ...concerned.map((handler) => handler.timeout_ms));
    const from = event.attempt > 1 ? (this.#progress.get(event.id) ?? 0) : 0;
    for (const handler of concerned) {
      const index = this.#handlers.indexOf(handler);
      if (index < from) continue;
      try {
        await within(timeout_ms, handler.call, event);
      } catch (error) {
        this.#remember(event.id, index);
        this.#show(error, event);
        await this.#settle('NAK', event.id, reasonOf(error));
        return;
      }
    }
    this.#remember(event.id, this.#handlers.length);
    if (await this.#settle('ACK', event.id)) this.#progress.delete(event.id);
  }

  #remember(id, index) {
    this.#progress.delete(id);
    this.#progress.set(id, index);
    if (this.#progress.size > PROGRESS_ENTRIES) {
      this.#progress.delete(this.#progress.keys().next().value);
    }
  }

  // Reports an outcome; true if the server has it. It is told again where the connection broke, as
  // both commands may be repeated. NOTFOUND means that it no longer waits for one.
  async #settle(...words) {
    for (;;) {
      try {
        await this.#send(...words);
        return true;
      } catch (error) {
        if (error.code === 'NOTFOUND') return true;
        await this.#report(error);
        if (!(error instanceof ConnectionError) || this.#stopped) return false;
      }
    }
  }

  // Shows an error of our own and gives its cause time to pass.
  async #report(error) {
    if (this.#stopped) return;
    this.#show(error);
    await pause(PAUSE_AFTER_ERROR_MS, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }

  #show(error, event) {
    const { onError = printError } = this.#options;
    onError(error, event);
  }
}

function checkTimeout(timeout = DEFAULT_TIMEOUT_MS) {
  if (typeof timeout !== 'number' || !(timeout > 0)) {
    throw new ValidationError("'timeout' must be a positive number of milliseconds");
  }
  if (timeout > LONGEST_TIMEOUT_MS) {
    console.warn(`Maximum timeout for event handlers is ${LONGEST_TIMEOUT_MS} ms`);
  }
  return Math.min(timeout, LONGEST_TIMEOUT_MS);
}

// Calls a handler; rejects when it fails or takes too long.
async function within(timeout_ms, call, event) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`The handler did not end within ${timeout_ms} ms`));
    }, timeout_ms);
  });
  try {
    await Promise.race([call(event), late]);
  } finally {
    clearTimeout(timer);
  }
}

// A key for filters: one that is not UTF-8 comes as `{ $binary }`.
function keyText(key) {
  return typeof key === 'string' ? key : Buffer.from(key.$binary, 'base64').toString();
}

function reasonOf(error) {
  return String(error?.message ?? error).slice(0, REASON_LENGTH);
}

function printError(error, event) {
  const where = event
    ? `a handler of '${event.name}' failed for ${keyText(event.item.key)}:`
    : 'events:';
  console.error('ampt-data:', where, error);
}

module.exports = { Events };
