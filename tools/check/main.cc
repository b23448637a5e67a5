// ampt-check: looks at data files of ampt-server while no server uses them.
//
//   ampt-check <directory>            verifies all files that the manifest names
//   ampt-check <file> …               verifies files by themselves
//   ampt-check --print <what>         also prints every item and effect
//   ampt-check --repair <what>        cuts a damaged log in front of its first bad frame
//
// Ends with 0 if all is good, 1 if a torn tail is all there is (a server cuts it by itself), 2 if a
// server would refuse the files, 3 if they cannot be read.

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/check.h"

int main(int argc, char** argv) {
  CLI::App app("Verifies, prints and repairs data files of ampt-server.", "ampt-check");
  ampt::CheckOptions options;
  std::vector<std::string> paths;
  app.add_flag("--print", options.print, "Print every item and effect");
  app.add_flag("--repair", options.repair,
               "Cut a damaged file of the log in front of its first bad frame; what is cut is kept "
               "in a file beside it, what it said is lost to the server");
  app.add_option("path", paths, "A data directory, or files in one")->required();
  CLI11_PARSE(app, argc, argv);

  const auto output = [](std::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  };
  ampt::PosixDisk disk;
  int worst = 0;
  for (const std::string& path : paths) {
    struct stat facts;
    const bool is_directory = ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
    const ampt::Result<ampt::CheckResult> result =
        is_directory ? ampt::CheckDirectory(disk, path, options, output)
                     : ampt::CheckFile(disk, path, options, output);
    if (!result.ok()) {
      std::fprintf(stderr, "ampt-check: %s\n", result.status().text().c_str());
      worst = 3;
      continue;
    }
    worst = std::max(worst, static_cast<int>(*result));
  }
  return worst;
}
