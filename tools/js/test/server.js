'use strict';
// A server for a test file: on a port of its own of 127.0.0.1, in a directory of its own.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, openSync, readFileSync, rmSync } = require('node:fs');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { Connection } = require('../lib/connection');
const { until } = require('./until');

const PROGRAM = process.env.AMPT_SERVER ?? join(__dirname, '../../../build/ampt-server');

class Server {
  #settings;
  #process;
  directory = mkdtempSync(join(tmpdir(), 'ampt-data-'));

  /** @param {string[]} settings words of the command line */
  constructor(settings = []) {
    this.#settings = settings;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, again on the same port and directory, and resolves when it answers. */
  async start() {
    this.port ??= await freePort();
    const log = join(this.directory, 'log');
    const output = openSync(log, 'a');
    const words = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory];
    const more = ['--enable-debug-command', 'yes', ...this.#settings];
    this.#process = spawn(PROGRAM, [...words, ...more], {
      cwd: this.directory,
      stdio: ['ignore', output, output],
    });
    const started = this.#process;
    try {
      await until('the server answers', () => {
        if (started.exitCode !== null) throw new Error(readFileSync(log, 'utf8'));
        return this.#answers();
      });
    } catch (error) {
      await this.remove();
      throw error;
    }
    return this;
  }

  async #answers() {
    const connection = new Connection({ url: this.url, connectTimeout: 200 });
    try {
      return (await connection.send(['PING'])) === 'PONG';
    } catch (error) {
      return error.code === 'NOAUTH';
    } finally {
      connection.close();
    }
  }

  /** Ends it by a signal and waits until it is gone. */
  async stop(signal = 'SIGTERM') {
    const ending = this.#process;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, 'exit');
    ending.kill(signal);
    await gone;
  }

  /** Ends it and removes its directory. */
  async remove() {
    await this.stop('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

module.exports = { Server };
