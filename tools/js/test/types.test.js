'use strict';
// The types, compiled by tsc: what they say of each method, and that the code samples agree.
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { test } = require('node:test');

const ROOT = join(__dirname, '..');

/** Resolves to what the compiler has to say. */
function compile(project) {
  const compiler = require.resolve('typescript/bin/tsc');
  return new Promise((resolve) => {
    execFile(process.execPath, [compiler, '--project', project], (error, stdout) => {
      resolve(error ? stdout || error.message : '');
    });
  });
}

test('the types of every method, for ES modules and CommonJS', async () => {
  assert.equal(await compile(join(__dirname, 'types')), '');
});

test('the code samples compile', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ampt-types-'));
  try {
    mkdirSync(join(folder, 'node_modules/@ampt'), { recursive: true });
    symlinkSync(ROOT, join(folder, 'node_modules/@ampt/data'));
    symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
    const others = `
      declare const req: any;
      declare module '@ampt/api' {
        type Handler = (event: any) => unknown;
        function api(name: string): { router(path: string): { get(route: string, handler: Handler): void } };
      }`;
    writeFileSync(join(folder, 'others.d.ts'), others);
    let samples = 0;
    for (const document of ['first.md', 'second.md']) {
      const text = readFileSync(join(__dirname, 'samples', document), 'utf8');
      for (const [, code] of text.matchAll(/^```js\n(.*?)^```$/gms)) {
        const line = code.includes('@ampt/data') ? '' : "import { data } from '@ampt/data';\n";
        writeFileSync(join(folder, `sample${++samples}.mts`), line + code);
      }
    }
    assert.ok(samples > 50);
    const options = { module: 'node16', target: 'es2022', noEmit: true, types: ['node'] };
    // One sample assigns null to a page, as JavaScript may.
    const compilerOptions = {
      ...options,
      strict: true,
      strictNullChecks: false,
      skipLibCheck: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    assert.equal(await compile(folder), '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
