'use strict';
// node-redis in both protocols: its connect sequence, pipelining, binary data, and every value type.
const { createClient, RESP_TYPES } = require('redis');
const { check, errorOf, values, printVersion } = require('./check.js');

async function talk(protocol) {
  const inResp = `in RESP${protocol}`;
  const client = createClient({
    RESP: protocol,
    socket: { port: Number(process.env.PORT), host: '127.0.0.1' },
    name: 'node',
    database: 1,
  });
  client.on('error', (error) => console.log(`not ok - connection ${inResp}\n${error}`));
  await client.connect();
  await client.flushDb();
  check(`ping ${inResp}`, await client.ping(), 'PONG');
  check(`the name given when connecting ${inResp}`, await client.clientGetName(), 'node');
  check(`set ${inResp}`, await client.set('k', 'v', { expiration: { type: 'EX', value: 100 } }), 'OK');
  check(`get ${inResp}`, await client.get('k'), 'v');
  check(`get nothing ${inResp}`, await client.get('nothing'), null);
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await binary.set(Buffer.from([0, 255]), bytes);
  check(`binary keys and values ${inResp}`, (await binary.get(Buffer.from([0, 255]))).equals(bytes));
  check(`mGet ${inResp}`, await client.mGet(['k', 'x']), ['v', null]);
  check(`incrBy ${inResp}`, await client.incrBy('n', 5), 5);
  check(`error ${inResp}`, await errorOf(client.incr('k')),
        'ERR value is not an integer or out of range');
  const sums = await Promise.all(Array.from({ length: 5000 }, () => client.incr('sum')));
  check(`5,000 requests at once ${inResp}`, sums, Array.from({ length: 5000 }, (_, i) => i + 1));
  for (let i = 0; i < 100; ++i) await client.set(`s:${i}`, 'x');
  const found = [];
  for await (const keys of client.scanIterator({ MATCH: 's:*', COUNT: 7 })) found.push(...[keys].flat());
  check(`a scan finds every key once ${inResp}`, [found.length, new Set(found).size], [100, 100]);
  check(`a map ${inResp}`, { ...(await client.configGet('maxclients')) }, { maxclients: '10000' });
  for (const value of values) {
    await client.sendCommand(
      ['AMPT.SET', 'v', JSON.stringify(value), 'OVERWRITE', 'REMOVENULLS', 'no']);
    check(`the value ${JSON.stringify(value)} ${inResp}`,
          JSON.parse(await client.sendCommand(['AMPT.GET', 'v'])), value);
  }
  check(`a missing item ${inResp}`, await client.sendCommand(['AMPT.GET', 'nothing']), null);
  check(`an error of ours ${inResp}`,
        await errorOf(client.sendCommand(['AMPT.SET', 'x', '1', 'EXISTS', 'true'])),
        'NOTFOUND Item does not exist');
  const listener = await client.duplicate().connect();
  const all = [];
  let note;
  const heard = new Promise((resolve) => {
    note = (message, channel) => all.push([channel, message]) === 3 && resolve(all);
  });
  await listener.subscribe(['news', 'other'], note);
  await listener.pSubscribe('n*', note);
  check(`publish ${inResp}`,
        [await client.publish('news', 'hello'), await client.publish('other', 'é')], [2, 1]);
  check(`messages ${inResp}`, await heard, [['news', 'hello'], ['news', 'hello'], ['other', 'é']]);
  await listener.pUnsubscribe('n*');
  await listener.unsubscribe();
  check(`unsubscribe ${inResp}`, [await client.pubSubChannels(), await client.pubSubNumPat()], [[], 0]);
  await listener.close();
  const copy = await client.duplicate().connect();
  check(`a second connection ${inResp}`, await copy.get('k'), 'v');
  await Promise.all([copy.close(), client.close()]);
  check(`closing ${inResp}`, client.isOpen, false);
}

printVersion('redis');
talk(2).then(() => talk(3));
