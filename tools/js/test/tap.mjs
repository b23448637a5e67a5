// Reporter: one line of TAP for each test, without the levels that node's own differ in by version.
export default async function* tap(events) {
  let count = 0;
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') yield comment(data.message);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { error } = data.details;
    // A file is a test to some versions; it counts only where something else went wrong in it.
    const isFile = /\.test\.js$/.test(data.name);
    if (isFile && (type === 'test:pass' || error.failureType === 'subtestsFailed')) continue;
    count += 1;
    yield `${type === 'test:pass' ? 'ok' : 'not ok'} ${count} - ${data.name}\n`;
    if (error) yield comment(String(error.cause?.stack ?? error.cause ?? error.stack));
  }
  yield `1..${count}\n`;
}

const comment = (text) => text.trimEnd().replace(/^/gm, '# ') + '\n';
