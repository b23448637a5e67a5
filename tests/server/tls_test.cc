// TLS over real sockets, with certificates of an authority made for the test.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

// An authority and its certificates: files NAME.crt and NAME.key below path().
class Authority {
 public:
  Authority() {
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=authority -keyout ca.key -out ca.crt");
  }

  void Certify(const std::string& name) {
    Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
        " -addext subjectAltName=IP:127.0.0.1 -keyout " + name + ".key -out " + name + ".csr");
    Run("openssl x509 -req -days 2 -copy_extensions copy -CA ca.crt -CAkey ca.key -in " + name +
        ".csr -out " + name + ".crt");
  }
  void Run(const std::string& command) {
    const std::string whole = "cd " + folder_.path() + " && " + command + " >output 2>&1";
    EXPECT_EQ(std::system(whole.c_str()), 0) << command;
  }
  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }

 private:
  TemporaryDirectory folder_;
};

// A client that can send its bytes in pieces of any size.
class TlsClient {
 public:
  struct Options {
    int version = 0;          // the only one; 0: any
    std::string certificate;  // NAME of the client's; empty: none
    size_t piece = SIZE_MAX;  // bytes sent at a time
  };

  TlsClient(const Authority& authority, uint16_t port, const Options& options)
      : plain_(Client::Tcp(port)), piece_(options.piece) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    EXPECT_EQ(
        SSL_CTX_load_verify_locations(context_.get(), authority.File("ca.crt").c_str(), nullptr),
        1);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (options.version != 0) {
      SSL_CTX_set_min_proto_version(context_.get(), options.version);
      SSL_CTX_set_max_proto_version(context_.get(), options.version);
    }
    if (!options.certificate.empty()) {
      const std::string name = authority.File(options.certificate);
      EXPECT_EQ(
          SSL_CTX_use_certificate_file(context_.get(), (name + ".crt").c_str(), SSL_FILETYPE_PEM),
          1);
      EXPECT_EQ(
          SSL_CTX_use_PrivateKey_file(context_.get(), (name + ".key").c_str(), SSL_FILETYPE_PEM),
          1);
    }
    ssl_.reset(SSL_new(context_.get()));
    received_ = BIO_new(BIO_s_mem());
    pending_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(received_, -1);
    SSL_set_bio(ssl_.get(), received_, pending_);
    SSL_set_connect_state(ssl_.get());
  }

  // False: the server will not have it.
  bool Handshake() {
    return Until([this] { return SSL_do_handshake(ssl_.get()); });
  }
  // Sends a request and reads to the end of `reply`, which is expected.
  void Expect(const Words& words, const std::string& reply) {
    Send(Encode(words));
    EXPECT_TRUE(Read(reply.size()) == reply) << words[0];
  }
  void Send(const std::string& bytes) {
    EXPECT_TRUE(
        Until([&] { return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); }));
    SendPending();
  }
  // So many bytes, fewer if the server ends before.
  std::string Read(size_t size) {
    std::string text;
    char buffer[16384];
    while (text.size() < size) {
      int got = 0;
      const auto read = [&] {
        const size_t most = std::min(sizeof buffer, size - text.size());
        return got = SSL_read(ssl_.get(), buffer, static_cast<int>(most));
      };
      if (!Until(read)) break;
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }
  // Whether the server ends as TLS asks for, by saying so.
  bool WaitFarewell() {
    Read(SIZE_MAX);
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  std::string ServerName() const {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        SSL_get1_peer_certificate(ssl_.get()), X509_free);
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                              sizeof name);
    return name;
  }
  SSL* ssl() { return ssl_.get(); }
  Client& plain() { return plain_; }
  void SendPending() {
    char buffer[16384];
    int got;
    while ((got = BIO_read(pending_, buffer, sizeof buffer)) > 0) {
      for (size_t at = 0; at < static_cast<size_t>(got);) {
        const size_t size = std::min(piece_, static_cast<size_t>(got) - at);
        const ssize_t sent = send(plain_.fd(), buffer + at, size, MSG_NOSIGNAL);
        if (sent > 0) {
          at += static_cast<size_t>(sent);
        } else if (errno != EAGAIN || !Poll(POLLOUT)) {
          return;
        }
      }
    }
  }

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  bool Poll(short events) {
    pollfd poll_for{plain_.fd(), events, 0};
    const auto deadline_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(kDeadline).count();
    if (poll(&poll_for, 1, static_cast<int>(deadline_ms)) == 1) return true;
    ADD_FAILURE() << "the server neither sends nor takes anything";
    return false;
  }

  // Calls it, with the network's help, until it succeeds.
  bool Until(const std::function<int()>& call) {
    while (true) {
      ERR_clear_error();
      const int result = call();
      const int error = SSL_get_error(ssl_.get(), result);
      SendPending();
      if (result > 0) return true;
      if (error != SSL_ERROR_WANT_READ) return false;
      if (!Poll(POLLIN)) return false;
      char buffer[16384];
      const ssize_t got = recv(plain_.fd(), buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      BIO_write(received_, buffer, static_cast<int>(got));
    }
  }

  Client plain_;
  size_t piece_;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  BIO* received_;
  BIO* pending_;
};

class TlsTest : public ServerTest {
 protected:
  TlsTest() { authority_.Certify("server"); }

  void Start(Settings settings = {}, const std::string& authentication = "no") {
    tls_port_ = FreePort();
    const Settings all = {{"tls-port", std::to_string(tls_port_)},
                          {"tls-cert-file", authority_.File("server.crt")},
                          {"tls-key-file", authority_.File("server.key")},
                          {"tls-ca-cert-file", authority_.File("ca.crt")},
                          {"tls-auth-clients", authentication}};
    settings.insert(settings.begin(), all.begin(), all.end());
    StartServer(settings);
  }
  TlsClient ConnectTls(const TlsClient::Options& options = {}) {
    return TlsClient(authority_, tls_port_, options);
  }
  // The name in the certificate that a new connection is shown.
  std::string NameNow() {
    TlsClient client = ConnectTls();
    return client.Handshake() ? client.ServerName() : "no handshake";
  }
  // In TLS 1.3 a client hears only after its handshake that it is refused.
  bool IsServed(const TlsClient::Options& options) {
    TlsClient client = ConnectTls(options);
    if (!client.Handshake()) return false;
    const std::string request = Encode({"PING"});
    SSL_write(client.ssl(), request.data(), static_cast<int>(request.size()));
    client.SendPending();
    return client.Read(7) == "+PONG\r\n";
  }

  Authority authority_;
  uint16_t tls_port_ = 0;
};

TEST_F(TlsTest, CarriesEveryConversation) {
  Start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client = ConnectTls({.version = version});
    ASSERT_TRUE(client.Handshake());
    client.Expect({"PING"}, "+PONG\r\n");
    // Larger than a record, than a read, than what a socket takes at once.
    const std::string big(5'000'000, 'x');
    client.Expect({"SET", "big", big}, "+OK\r\n");
    client.Expect({"GET", "big"}, "$5000000\r\n" + big + "\r\n");
    std::string pipeline;
    std::string replies;
    for (int i = 0; i < 10'000; ++i) {
      pipeline += Encode({"ECHO", std::to_string(i)});
      replies +=
          "$" + std::to_string(std::to_string(i).size()) + "\r\n" + std::to_string(i) + "\r\n";
    }
    client.Send(pipeline);
    EXPECT_TRUE(client.Read(replies.size()) == replies);
    client.Expect({"QUIT"}, "+OK\r\n");
    EXPECT_TRUE(client.WaitFarewell());
  }
  EXPECT_EQ(Connect().Ask("STRLEN big"), "(integer) 5000000");
}

TEST_F(TlsTest, BytesMayComeOneByOne) {
  Start();
  TlsClient client = ConnectTls({.piece = 1});
  ASSERT_TRUE(client.Handshake());
  client.Expect({"SET", "a", "b"}, "+OK\r\n");
  client.Expect({"GET", "a"}, "$1\r\nb\r\n");
}

TEST_F(TlsTest, MessagesArePushed) {
  Start();
  TlsClient client = ConnectTls();
  ASSERT_TRUE(client.Handshake());
  client.Expect({"SUBSCRIBE", "news"}, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
  EXPECT_EQ(Connect().Ask("PUBLISH news hello"), "(integer) 1");
  const std::string message = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";
  EXPECT_EQ(client.Read(message.size()), message);
}

TEST_F(TlsTest, WhatComesBeforeTheEndIsWorkedOff) {
  Start();
  TlsClient client = ConnectTls();
  ASSERT_TRUE(client.Handshake());
  const std::string request = Encode({"SET", "last", "words"});
  ASSERT_GT(SSL_write(client.ssl(), request.data(), static_cast<int>(request.size())), 0);
  SSL_shutdown(client.ssl());
  client.SendPending();
  EXPECT_TRUE(client.WaitFarewell());
  EXPECT_EQ(Connect().Ask("GET last"), "\"words\"");
}

TEST_F(TlsTest, ClientsShowCertificates) {
  authority_.Certify("client");
  Start({}, "yes");
  EXPECT_TRUE(IsServed({.certificate = "client"}));
  EXPECT_TRUE(IsServed({.version = TLS1_2_VERSION, .certificate = "client"}));
  EXPECT_FALSE(IsServed({}));
  EXPECT_FALSE(IsServed({.version = TLS1_2_VERSION}));
  // One that signed itself.
  authority_.Run(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x "
      "-keyout stranger.key -out stranger.crt");
  EXPECT_FALSE(IsServed({.certificate = "stranger"}));
  EXPECT_EQ(Connect().Ask("CONFIG SET tls-auth-clients optional"), "OK");
  EXPECT_TRUE(IsServed({}));
  EXPECT_TRUE(IsServed({.certificate = "client"}));
  EXPECT_FALSE(IsServed({.certificate = "stranger"}));
  EXPECT_EQ(Connect().Ask("CONFIG SET tls-auth-clients no"), "OK");
  EXPECT_TRUE(IsServed({.certificate = "stranger"}));
  ExpectAlive();
}

TEST_F(TlsTest, ProtocolsAndCiphersAreChosen) {
  Start({{"tls-protocols", "TLSv1.3"}});
  EXPECT_FALSE(IsServed({.version = TLS1_2_VERSION}));
  EXPECT_TRUE(IsServed({.version = TLS1_3_VERSION}));
  Client admin = Connect();
  EXPECT_EQ(
      admin.Ask("CONFIG SET tls-protocols \"TLSv1.2\" tls-ciphers ECDHE-ECDSA-AES256-GCM-SHA384"),
      "OK");
  EXPECT_FALSE(IsServed({.version = TLS1_3_VERSION}));
  TlsClient client = ConnectTls();
  ASSERT_TRUE(client.Handshake());
  EXPECT_STREQ(SSL_get_cipher_name(client.ssl()), "ECDHE-ECDSA-AES256-GCM-SHA384");
  EXPECT_EQ(admin.Ask("CONFIG SET tls-protocols SSLv3"),
            "(error) ERR CONFIG SET failed (possibly related to argument 'tls-protocols') - "
            "tls-protocols: 'SSLv3' is none of TLSv1.2 and TLSv1.3");
  EXPECT_TRUE(IsServed({.version = TLS1_2_VERSION}));
}

TEST_F(TlsTest, CertificatesAreReadAnew) {
  authority_.Certify("second");
  authority_.Certify("third");
  Start();
  TlsClient old = ConnectTls();
  ASSERT_TRUE(old.Handshake());
  EXPECT_EQ(old.ServerName(), "server");
  Client admin = Connect();
  EXPECT_EQ(admin
                .Run({"CONFIG", "SET", "tls-cert-file", authority_.File("second.crt"),
                      "tls-key-file", authority_.File("second.key")})
                .text,
            "OK");
  EXPECT_EQ(NameNow(), "second");
  old.Expect({"PING"}, "+PONG\r\n");
  // The key of another one, and no file at all: all stays as it was.
  for (const char* file : {"third.crt", "nothing.crt"}) {
    const Value refusal = admin.Run({"CONFIG", "SET", "tls-cert-file", authority_.File(file)});
    EXPECT_TRUE(refusal.text.starts_with(
        "ERR CONFIG SET failed (possibly related to argument 'tls-cert-file') - "))
        << refusal.text;
    EXPECT_EQ(NameNow(), "second");
  }
  EXPECT_NE(admin.Ask("CONFIG GET tls-cert-file").find("second.crt"), std::string::npos);
  // Other files of the same names.
  authority_.Run("cp third.crt second.crt && cp third.key second.key");
  EXPECT_EQ(NameNow(), "second");
  server().Signal(SIGHUP);
  EXPECT_TRUE(WaitFor([&] { return NameNow() == "third"; }));
  authority_.Run("echo nonsense >second.crt");
  server().Signal(SIGHUP);
  EXPECT_TRUE(WaitFor([&] {
    return server().Log().find("TLS goes on with the old certificates") != std::string::npos;
  }));
  EXPECT_EQ(NameNow(), "third");
  old.Expect({"PING"}, "+PONG\r\n");
}

TEST_F(TlsTest, ThePortMayComeWhileTheServerRuns) {
  StartServer();
  tls_port_ = FreePort();
  const std::string port = std::to_string(tls_port_);
  Client admin = Connect();
  // Without a certificate there is no TLS, and no port either.
  const Value refusal = admin.Run({"CONFIG", "SET", "tls-port", port});
  EXPECT_TRUE(
      refusal.text.starts_with("ERR CONFIG SET failed (possibly related to argument "
                               "'tls-port') - "))
      << refusal.text;
  EXPECT_EQ(admin.Ask("CONFIG GET tls-port"), "1) \"tls-port\"\n2) \"0\"");
  EXPECT_EQ(admin
                .Run({"CONFIG", "SET", "tls-port", port, "tls-auth-clients", "no", "tls-cert-file",
                      authority_.File("server.crt"), "tls-key-file", authority_.File("server.key")})
                .text,
            "OK");
  TlsClient client = ConnectTls();
  ASSERT_TRUE(client.Handshake());
  client.Expect({"PING"}, "+PONG\r\n");
  // A port that cannot be had leaves the certificate as it was.
  authority_.Certify("second");
  const Value taken =
      admin.Run({"CONFIG", "SET", "tls-cert-file", authority_.File("second.crt"), "tls-key-file",
                 authority_.File("second.key"), "tls-port", std::to_string(server().port())});
  EXPECT_NE(taken.text.find("Unable to listen on this port"), std::string::npos) << taken.text;
  EXPECT_EQ(NameNow(), "server");
  EXPECT_EQ(admin.Ask("CONFIG SET tls-port 0"), "OK");
  client.Expect({"PING"}, "+PONG\r\n");
}

TEST_F(TlsTest, AKeyMayHaveAPassword) {
  authority_.Run("openssl pkcs8 -topk8 -in server.key -passout pass:hidden -out locked.key");
  Start({{"tls-key-file", authority_.File("locked.key")}, {"tls-key-file-pass", "hidden"}});
  EXPECT_TRUE(IsServed({}));
  EXPECT_TRUE(Connect()
                  .Run({"CONFIG", "SET", "tls-key-file-pass", "wrong"})
                  .text.starts_with("ERR CONFIG SET failed"));
  EXPECT_TRUE(IsServed({}));
  EXPECT_EQ(server().Log().find("hidden"), std::string::npos);
}

TEST_F(TlsTest, StartsOnlyWithWhatItNeeds) {
  const auto output = [&](Words more) {
    more.insert(more.begin(), {"--port", "0", "--tls-port", std::to_string(FreePort())});
    const Outcome outcome = RunServerToEnd(more, authority_.File(""));
    EXPECT_EQ(outcome.exit_status, 1);
    more.push_back("--check-config");
    EXPECT_EQ(RunServerToEnd(more, authority_.File("")).exit_status, 1);
    return outcome.output;
  };
  EXPECT_NE(output({}).find("tls-cert-file"), std::string::npos);
  EXPECT_NE(output({"--tls-cert-file", "server.crt"}).find("tls-key-file"), std::string::npos);
  EXPECT_NE(output({"--tls-cert-file", "none.crt", "--tls-key-file", "server.key"})
                .find("tls-cert-file none.crt: No such file or directory"),
            std::string::npos);
  EXPECT_NE(output({"--tls-cert-file", "server.crt", "--tls-key-file", "server.key"})
                .find("tls-auth-clients"),
            std::string::npos);
}

TEST_F(TlsTest, NoNewHandshakes) {
  Start();
  TlsClient client = ConnectTls({.version = TLS1_2_VERSION});
  ASSERT_TRUE(client.Handshake());
  EXPECT_EQ(SSL_renegotiate(client.ssl()), 1);
  EXPECT_FALSE(client.Handshake());
  ExpectAlive();
}

TEST_F(TlsTest, NonsenseEndsAConnectionAndNoMore) {
  Start();
  // Plain text, and what no record begins with.
  for (const std::string& bytes :
       {Encode({"PING"}), std::string(100'000, '\xff'), std::string(70'000, '\0')}) {
    Client client = Client::Tcp(tls_port_);
    send(client.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    EXPECT_EQ(client.ReadToEnd().find("PONG"), std::string::npos);
  }
  // A record that was changed on its way.
  TlsClient client = ConnectTls();
  ASSERT_TRUE(client.Handshake());
  client.Expect({"PING"}, "+PONG\r\n");
  const std::string record = std::string("\x17\x03\x03\x00\x40", 5) + std::string(64, 'x');
  send(client.plain().fd(), record.data(), record.size(), MSG_NOSIGNAL);
  EXPECT_EQ(client.Read(1), "");
  ExpectAlive();
}

TEST_F(TlsTest, WhoDoesNotShakeHandsIsClosed) {
  Start();
  Client silent = Client::Tcp(tls_port_);
  Client slow = Client::Tcp(tls_port_);
  // The beginning of a hello of 512 bytes.
  const std::string beginning("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  send(slow.fd(), beginning.data(), beginning.size(), MSG_NOSIGNAL);
  TlsClient good = ConnectTls();
  ASSERT_TRUE(good.Handshake());
  EXPECT_TRUE(silent.WaitClosed());
  EXPECT_TRUE(slow.WaitClosed());
  good.Expect({"PING"}, "+PONG\r\n");
}

}  // namespace
}  // namespace ampt::test
