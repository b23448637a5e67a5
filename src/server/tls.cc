#include "server/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/bytes.h"

namespace ampt {
namespace {

constexpr unsigned char kSessionContext[] = "ampt-server";

// OpenSSL's first complaint, which is the cause of the others; forgets them.
std::string TakeError() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("error {:#x}", code);
}

Status Failed(std::string_view setting, const std::string& value) {
  return Status::Err(fmt::format("{} {}: {}", setting, value, TakeError()));
}

int GivePassword(char* buffer, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  // Without one OpenSSL would ask at the terminal.
  if (text.empty() || text.size() > static_cast<size_t>(size)) return -1;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

// "TLSv1.2 TLSv1.3"; empty: both.
Status SetProtocols(SSL_CTX* context, const std::string& protocols) {
  bool has_12 = protocols.empty();
  bool has_13 = protocols.empty();
  for (std::string_view rest = protocols; !rest.empty();) {
    const size_t space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
    if (EqualsIgnoreCase(word, "TLSv1.2")) {
      has_12 = true;
    } else if (EqualsIgnoreCase(word, "TLSv1.3")) {
      has_13 = true;
    } else if (!word.empty()) {
      return Status::Err(fmt::format("tls-protocols: '{}' is none of TLSv1.2 and TLSv1.3", word));
    }
  }
  if (!has_12 && !has_13) return Status::Err("tls-protocols: give TLSv1.2, TLSv1.3 or both");
  SSL_CTX_set_min_proto_version(context, has_12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, has_13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  return {};
}

Status SetClientCertificates(SSL_CTX* context, const Settings& settings) {
  const std::string& file = settings.tls_ca_cert_file;
  const std::string& dir = settings.tls_ca_cert_dir;
  const bool has_authorities = !file.empty() || !dir.empty();
  if (has_authorities &&
      SSL_CTX_load_verify_locations(context, file.empty() ? nullptr : file.c_str(),
                                    dir.empty() ? nullptr : dir.c_str()) != 1) {
    return file.empty() ? Failed("tls-ca-cert-dir", dir) : Failed("tls-ca-cert-file", file);
  }
  if (settings.tls_auth_clients == TlsAuthClients::kNo) return {};
  if (!has_authorities) {
    return Status::Err(
        "tls-auth-clients: to check clients' certificates takes tls-ca-cert-file or "
        "tls-ca-cert-dir; with no there is no check");
  }
  const bool must = settings.tls_auth_clients == TlsAuthClients::kYes;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (must ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  if (!file.empty()) SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(file.c_str()));
  return {};
}

}  // namespace

Status TlsContext::Configure(SSL_CTX* context, const Settings& settings) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_dh_auto(context, 1);
  AMPT_RETURN_IF_ERROR(SetProtocols(context, settings.tls_protocols));
  if (!settings.tls_ciphers.empty() &&
      SSL_CTX_set_cipher_list(context, settings.tls_ciphers.c_str()) != 1) {
    return Failed("tls-ciphers", settings.tls_ciphers);
  }
  if (!settings.tls_ciphersuites.empty() &&
      SSL_CTX_set_ciphersuites(context, settings.tls_ciphersuites.c_str()) != 1) {
    return Failed("tls-ciphersuites", settings.tls_ciphersuites);
  }
  if (settings.tls_cert_file.empty()) {
    return Status::Err("tls-cert-file: TLS takes the server's certificate");
  }
  if (settings.tls_key_file.empty()) {
    return Status::Err("tls-key-file: TLS takes the key of the server's certificate");
  }
  if (SSL_CTX_use_certificate_chain_file(context, settings.tls_cert_file.c_str()) != 1) {
    return Failed("tls-cert-file", settings.tls_cert_file);
  }
  std::string password = settings.tls_key_file_pass;
  SSL_CTX_set_default_passwd_cb(context, GivePassword);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  const bool has_key =
      SSL_CTX_use_PrivateKey_file(context, settings.tls_key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (!has_key || SSL_CTX_check_private_key(context) != 1) {
    return Failed("tls-key-file", settings.tls_key_file);
  }
  return SetClientCertificates(context, settings);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::Make(const Settings& settings) {
  ERR_clear_error();
  std::shared_ptr<const TlsContext> made(new TlsContext(SSL_CTX_new(TLS_server_method())));
  if (made->context_ == nullptr) return Status::Err("TLS: " + TakeError());
  if (Status status = Configure(made->context_.get(), settings); !status.ok()) return status;
  return made;
}

TlsStream::TlsStream(const TlsContext& context)
    : ssl_(SSL_new(context.context_.get())),
      received_(BIO_new(BIO_s_mem())),
      pending_(BIO_new(BIO_s_mem())) {
  BIO_set_mem_eof_return(received_, -1);
  SSL_set_bio(ssl_.get(), received_, pending_);
  SSL_set_accept_state(ssl_.get());
}

void TlsStream::Feed(std::string_view bytes) {
  // What libuv reads at once is far below INT_MAX.
  BIO_write(received_, bytes.data(), static_cast<int>(bytes.size()));
}

TlsStream::Outcome TlsStream::Read(char* buffer, size_t size, size_t* got) {
  if (!error_.empty()) return Outcome::kFailed;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), buffer, size, got);
  if (result == 1) return Outcome::kBytes;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Outcome::kNeedsMore;
    case SSL_ERROR_ZERO_RETURN:
      has_ended_ = true;
      return Outcome::kEnded;
    default:
      error_ = TakeError();
      return Outcome::kFailed;
  }
}

bool TlsStream::Encrypt(std::string_view text, std::string* encrypted) {
  constexpr size_t kRecordBytes = 16 * 1024;  // TLS' own
  constexpr size_t kRecordOverhead = 64;
  encrypted->reserve(encrypted->size() + text.size() +
                     (text.size() / kRecordBytes + 2) * kRecordOverhead);
  encrypted->append(TakePending());
  ERR_clear_error();
  while (!text.empty()) {
    size_t written = 0;
    const size_t part = std::min(text.size(), kRecordBytes);
    if (!is_established() || SSL_write_ex(ssl_.get(), text.data(), part, &written) != 1) {
      return false;
    }
    text.remove_prefix(written);
    // Record by record, so that the text is in memory twice and not three times.
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(pending_, &bytes);
    encrypted->append(bytes, static_cast<size_t>(size));
    BIO_reset(pending_);
  }
  return true;
}

void TlsStream::Close() {
  // After a failure the alert has said it.
  if (error_.empty() && is_established()) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

std::string TlsStream::TakePending() {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(pending_, &bytes);
  std::string taken(size > 0 ? bytes : "", static_cast<size_t>(std::max(size, 0L)));
  if (size > 0) BIO_reset(pending_);
  return taken;
}

size_t TlsStream::buffered_bytes() const {
  size_t bytes = 0;
  for (BIO* const bio : {received_, pending_}) {
    const BUF_MEM* memory = nullptr;
    BIO_get_mem_ptr(bio, &memory);
    if (memory != nullptr) bytes += memory->max;
  }
  return bytes;
}

}  // namespace ampt
