// The types for CommonJS.
import ampt = require('ampt-data');

const { data } = ampt;
const found: Promise<string | undefined> = data.get<string>('foo');
const mine: ampt.Data = ampt.createData({ url: 'redis://127.0.0.1/3', app: 'types' });
void found;
void mine.close();
