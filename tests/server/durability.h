// What the tests of durability share: a server whose files can be looked at, and data of all kinds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/server/harness.h"

namespace ampt::test {

class DurabilityTest : public ServerTest {
 protected:
  std::string Digest() { return Connect().Ask("DEBUG DIGEST"); }
  // The answer to one command on a connection of its own.
  std::string Ask(std::string_view line) { return Connect().Ask(line); }

  bool IsSaving() { return InfoNumber("rdb_bgsave_in_progress") == 1; }
  // Waits until no snapshot is being saved.
  void WaitForSave();
  // Waits until the log has all effects, so that even kill -9 loses none.
  void WaitUntilWritten();

  // Names in the directory that begin and end so, sorted.
  static std::vector<std::string> Names(const std::string& directory, std::string_view begin,
                                        std::string_view end);
  std::vector<std::string> Snapshots() { return Names(server().directory(), "ampt-", ".snapshot"); }
  std::vector<std::string> LogFiles() { return Names(server().directory(), "ampt-", ".log"); }
  std::vector<std::string> TemporaryFiles() {
    return Names(server().directory(), "ampt-", ".temp");
  }

  // All that an item can be, in several databases, and what is no more.
  void FillDatabases();
};

}  // namespace ampt::test
