'use strict';
// The package as a new user gets it: packed, installed under both names, and its README followed.
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, before, test } = require('node:test');
const { promisify } = require('node:util');
const { Server } = require('./server');

const run = promisify(execFile);
const server = new Server();
const folder = mkdtempSync(join(tmpdir(), 'ampt-user-'));
const ROOT = join(__dirname, '..');
let packed;

before(async () => {
  await server.start();
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const tarball = join(folder, stdout.trim());
  packed = (await run('tar', ['tzf', tarball])).stdout.trim().split('\n');
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const names = ['ampt-data', '@ampt/data'].map((name) => `${name}@file:${tarball}`);
  const flags = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
  await run('npm', ['install', ...flags, ...names], { cwd: folder });
});

after(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program in the user's folder and returns what it printed. */
async function program(name, code) {
  writeFileSync(join(folder, name), code);
  const environment = { ...process.env, AMPT_URL: server.url, AMPT_APP: 'user' };
  const options = { cwd: folder, env: environment, timeout: 60_000 };
  return (await run(process.execPath, [name], options)).stdout;
}

test('it holds the library and nothing else', () => {
  const names = packed.map((name) => name.replace('package/', '')).sort();
  const library = names.filter((name) => /^lib\/\w+\.js$/.test(name));
  assert.ok(library.length > 5);
  assert.deepEqual(
    names.filter((name) => !library.includes(name)),
    ['LICENSE', 'README.md', 'index.d.mts', 'index.d.ts', 'index.js', 'index.mjs', 'package.json'],
  );
});

test('code that imports @ampt/data runs as it is', async () => {
  const esm = "import { data } from '@ampt/data'; console.log(await data.set('foo', 'bar'));";
  assert.equal(await program('alias.mjs', esm), 'bar\n');
  const cjs = "const { data } = require('@ampt/data'); data.get('foo').then(console.log);";
  assert.equal(await program('alias.cjs', cjs), 'bar\n');
});

test('the code of the README runs', async () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [start, pages, events, clients] = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(
    ([, code]) => code,
  );
  assert.match(
    await program('start.mjs', start),
    /^\{ name: 'Ann', visits: 2 \}\n\{\n {2}items: \[/,
  );
  const names = await program('pages.mjs', pages);
  assert.deepEqual(names.match(/^user:\w+/gm), ['user:ann', 'user:bob']);
  assert.equal(
    await program('clients.mjs', clients.replace('redis://127.0.0.1:6379', server.url)),
    '',
  );
  const watch = `
    const { log } = console;
    const seen = new Promise((resolve) => {
      console.log = (...words) => resolve(log(...words));
    });\n`;
  const last = 'await seen;\nawait data.close();\n';
  const printed = await program('events.mjs', `${watch}${events}${last}`);
  assert.match(printed, /^created order:1 \{ total: 9\.5 \} 20/);
});
