'use strict';
/**
 * The errors of the package. What was wrong with a call is a `ValidationError`; what the stored item
 * forbids is a plain `Error` with a `code`; what the network did is a `ConnectionError`.
 */

/** A call that can never succeed as it was made. */
class ValidationError extends Error {
  constructor(message) {
    super(message);
    this.name = 'ValidationError';
    this.code = 'ERR';
    this.statusCode = 400;
  }
}

/** The server could not be reached, or went away: whether the command was carried out is unknown. */
class ConnectionError extends Error {
  constructor(message, cause) {
    super(message, { cause });
    this.name = 'ConnectionError';
    this.code = 'CONNECTION';
  }
}

// Texts that stand for a plain Error although their first word on the wire is the general one.
const PLAIN = new Set(['Values must be numeric']);

/**
 * The error that an error reply stands for. Its first word becomes `code`, the rest the message.
 * @param {string} reply for example "EXISTS Item already exists"
 * @returns {Error}
 */
function errorOfReply(reply) {
  const [, code = 'ERR', message] = /^(?:([A-Z]+) )?(.*)$/s.exec(reply);
  if (code === 'ERR' && !PLAIN.has(message)) return new ValidationError(message);
  return Object.assign(new Error(message), { code });
}

module.exports = { ConnectionError, ValidationError, errorOfReply };
