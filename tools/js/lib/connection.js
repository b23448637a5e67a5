'use strict';
/**
 * One connection to the server: made on first use, made anew when it breaks, and no reason for a
 * script to stay alive while nothing is under way.
 *
 * A command is sent at most once. One that was under way when the connection broke fails with a
 * ConnectionError instead of being sent again, as it may have been carried out.
 */
const { createClient, ErrorReply } = require('@redis/client');
const { ConnectionError, errorOfReply } = require('./errors');

const DEFAULT_URL = 'redis://127.0.0.1:6379';
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const LONGEST_PAUSE_MS = 2000;

class Connection {
  #options;
  #client;
  #closed = false;
  #readiness; // a promise while commands wait for the connection
  #lastError;
  #pending = 0; // commands under way

  /**
   * @param {{ url?: string, connectTimeout?: number, redis?: object }} options see createData; the
   *     environment is read on first use.
   */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Sends one command and returns its reply.
   * @param {(string | Buffer)[]} words
   */
  async send(words) {
    this.#pending += 1;
    if (this.#pending === 1) this.#client?.ref();
    try {
      if (!this.#client?.isReady) await this.#ready();
      return await this.#client.sendCommand(words);
    } catch (error) {
      throw this.#translate(error);
    } finally {
      this.#pending -= 1;
      if (this.#pending === 0) this.#client?.unref();
    }
  }

  /** Closes the connection for good. Commands still under way fail: wait for them first. */
  close() {
    this.#closed = true;
    if (this.#client?.isOpen) this.#client.destroy();
  }

  get #url() {
    return this.#options.url ?? process.env.AMPT_URL ?? DEFAULT_URL;
  }

  #create() {
    const { redis } = this.#options;
    const client = createClient({
      ...redis,
      url: this.#url,
      socket: { reconnectStrategy: pauseBeforeRetry, ...redis?.socket },
      disableOfflineQueue: true,
      // What it would say of itself may fail unnoticed; if it is the connection that fails then, the
      // library takes it for ready, and calls would wait for ever.
      disableClientInfo: true,
    });
    client.on('error', (error) => {
      this.#lastError = error;
    });
    return client;
  }

  // Resolves when the connection can take commands, rejects when it will not in time.
  #ready() {
    if (this.#closed) throw new ConnectionError('This client is closed.');
    this.#client ??= this.#create();
    const client = this.#client;
    this.#readiness ??= new Promise((resolve, reject) => {
      const timeout_ms = this.#options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT_MS;
      const finish = (error) => {
        clearTimeout(timer);
        client.off('ready', finish).off('end', finish);
        this.#readiness = undefined;
        if (client.isReady) resolve();
        else reject(error ?? this.#lastError ?? new Error('closed'));
      };
      const timer = setTimeout(finish, timeout_ms);
      client.on('ready', finish).on('end', finish);
      if (!client.isOpen) client.connect().catch(finish);
    });
    return this.#readiness;
  }

  #translate(error) {
    if (error instanceof ErrorReply) return errorOfReply(error.message);
    if (error instanceof ConnectionError) return error;
    if (error instanceof TypeError) return error; // a URL that is none
    const reason = error.message || error.code || error.errors?.[0]?.message;
    return new ConnectionError(`No connection to ${redacted(this.#url)}: ${reason}`, error);
  }
}

// A server that answers and refuses the login or the database will do so again; one that is loading
// its data will not.
function pauseBeforeRetry(retries, cause) {
  if (cause instanceof ErrorReply && !cause.message.startsWith('LOADING')) return false;
  return Math.min(2 ** retries * 20, LONGEST_PAUSE_MS) + Math.random() * 20;
}

// A URL to be shown: without user and password.
function redacted(url) {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

module.exports = { Connection };
