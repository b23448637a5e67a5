'use strict';
const { createData } = require('./lib/client');
const { ConnectionError, ValidationError } = require('./lib/errors');

/** The client that most programs need: connected to `AMPT_URL` on its first use. */
const data = createData();

module.exports = { ConnectionError, ValidationError, createData, data };
