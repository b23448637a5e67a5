// TLS: the rules for all connections (TlsContext), and one connection's encryption (TlsStream).
//
// Nothing here knows a socket. A stream stands between the socket's bytes and the connection's, in
// memory, so that reading, limits and sending work as they do without TLS:
//
//   socket -> Feed() -> Read() -> commands … replies -> Encrypt() -> socket
//
// What the protocol itself has to say (the handshake, alerts) piles up and is taken by
// TakePending(). Clients cannot ask for a new handshake; before the first one is done a stream
// holds what OpenSSL allows a handshake message, about 100 KiB.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "server/settings.h"

namespace ampt {

class TlsContext {
 public:
  // From the settings tls-*; reads the files that they name. Errors say which setting is to blame.
  static Result<std::shared_ptr<const TlsContext>> Make(const Settings& settings);

 private:
  friend class TlsStream;
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  static Status Configure(SSL_CTX* context, const Settings& settings);

  std::unique_ptr<SSL_CTX, Free> context_;
};

// The server's side of a connection. Keeps what it needs of its context.
class TlsStream {
 public:
  explicit TlsStream(const TlsContext& context);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  enum class Outcome { kBytes, kNeedsMore, kEnded, kFailed };

  // Takes what came from the socket.
  void Feed(std::string_view bytes);
  // Decrypts up to `size` bytes (kBytes, `*got` > 0). To be called until there is nothing more, or
  // what was fed piles up. kEnded: the client has said that no more will come.
  Outcome Read(char* buffer, size_t size, size_t* got);
  // Appends to `*encrypted` what is pending and then `text`. False: not possible (any more).
  bool Encrypt(std::string_view text, std::string* encrypted);
  // Tells the client that no more will come.
  void Close();
  // What is to be sent now.
  std::string TakePending();
  bool is_established() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  bool has_ended() const { return has_ended_; }
  // What it keeps of the two streams; without what OpenSSL takes for a connection.
  size_t buffered_bytes() const;
  // Why Read() failed.
  const std::string& error() const { return error_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  std::unique_ptr<SSL, Free> ssl_;
  BIO* received_;  // of ssl_, as the next
  BIO* pending_;
  bool has_ended_ = false;
  std::string error_;
};

}  // namespace ampt
