// The same client for `import`: one instance, whichever way a module gets at it.
import ampt from './index.js';

export const { ConnectionError, ValidationError, createData, data } = ampt;
