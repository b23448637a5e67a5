// Orders with labels, and a handler that sums them up for each customer.
//
//   npm run example        then talk to http://127.0.0.1:3000; README.md has the requests
//
// AMPT_URL names the server (default redis://127.0.0.1:6379), PORT the port of this app.
import { randomUUID } from 'node:crypto';
import express from 'express';
import { data } from 'ampt-data';

const app = express();
app.use(express.json());

// An order's key begins with its date, so orders are in the order of time. Its labels are the other
// ways to look for it: by customer, and by status; both in the order of time again.
const labels = ({ customer, status, date }) => ({
  label1: `customer_${customer}:${date}`,
  label2: `status:${status}_${date}`,
});

app.post('/orders', async (request, response) => {
  const { customer, total } = request.body;
  if (typeof customer !== 'string' || typeof total !== 'number') {
    return response.status(400).json({ error: 'customer (text) and total (number) are needed' });
  }
  const order = { customer, total, status: 'open', date: new Date().toISOString() };
  const key = `order:${order.date}_${randomUUID()}`;
  const item = await data.set(key, order, { ...labels(order), exists: false, meta: true });
  return response.status(201).json(item);
});

app.get('/orders', async (request, response) => {
  const { customer, status, limit = 20, start } = request.query;
  const options = { limit: Number(limit), reverse: true, start };
  let page;
  if (customer) page = await data.getByLabel('label1', `customer_${customer}:*`, options);
  else if (status) page = await data.getByLabel('label2', `status:${status}_*`, options);
  else page = await data.get('order:*', options);
  response.json({ items: page.items, lastKey: page.lastKey });
});

app.post('/orders/:key/pay', async (request, response) => {
  const order = await data.get(request.params.key);
  if (order === undefined) return response.status(404).json({ error: 'there is no such order' });
  const paid = { ...order, status: 'paid' };
  const options = { label2: labels(paid).label2, exists: true };
  return response.json(await data.set(request.params.key, { status: 'paid' }, options));
});

app.get('/customers/:name', async (request, response) => {
  response.json((await data.get(`summary:${request.params.name}`)) ?? { orders: 0, total: 0 });
});

// Every order is counted, also one that was made while this app was not running. An event may come
// more than once (say, after a crash), so the sum remembers the last event that is in it: events of
// one namespace come in the order of their ids.
data.on('created:order:*', async ({ id, item }) => {
  const { customer, total } = item.value;
  const summary = await data.get(`summary:${customer}`);
  if (summary && BigInt(summary.event) >= BigInt(id)) return;
  const sums = { orders: { $add: 1 }, total: { $add: total }, event: id };
  await data.set(`summary:${customer}`, sums);
});

// What the server refuses has a code; what was wrong with the request is the client's to know.
app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  const status = { EXISTS: 409, NOTFOUND: 404, ERR: 400, CONNECTION: 503 }[error.code] ?? 500;
  return response.status(status).json({ error: error.message });
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close();
    data.close();
  });
}
