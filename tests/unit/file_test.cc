#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace ampt {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "ampt-file-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }

  std::string PathOf(std::string_view name) const { return JoinPath(directory_, name); }
  std::unique_ptr<File> Make(std::string_view name, std::string_view bytes) {
    Result<std::unique_ptr<File>> file = disk_.Open(PathOf(name), OpenMode::kCreate);
    EXPECT_TRUE(file.ok());
    EXPECT_TRUE((*file)->WriteAt(0, bytes).ok());
    return std::move(*file);
  }
  std::string ReadAll(std::string_view name) {
    Result<std::unique_ptr<File>> file = disk_.Open(PathOf(name), OpenMode::kRead);
    if (!file.ok()) return file.status().text();
    return *ReadWhole(**file, 1 << 20);
  }

  PosixDisk disk_;
  std::string directory_;
};

TEST_F(FileTest, WritesReadsAndTruncates) {
  const std::unique_ptr<File> file = Make("a", "hello");
  ASSERT_TRUE(file->WriteAt(7, "world").ok());
  EXPECT_EQ(*file->Size(), 12u);
  char bytes[20];
  EXPECT_EQ(*file->ReadAt(3, bytes, sizeof bytes), 9u);
  EXPECT_EQ(std::string(bytes, 9), std::string("lo\0\0world", 9));
  EXPECT_EQ(*file->ReadAt(12, bytes, sizeof bytes), 0u);
  EXPECT_EQ(*file->ReadAt(99, bytes, sizeof bytes), 0u);
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(ReadAll("a"), "hell");
  // Created anew, it is empty.
  Make("a", "");
  EXPECT_EQ(ReadAll("a"), "");
}

TEST_F(FileTest, ReservedRoomIsNoPartOfTheFile) {
  const auto taken_bytes = [this] {
    struct stat facts;
    EXPECT_EQ(::stat(PathOf("a").c_str(), &facts), 0);
    return facts.st_blocks * 512;
  };
  const std::unique_ptr<File> file = Make("a", "hello");
  ASSERT_TRUE(file->Sync().ok());
  const auto before = taken_bytes();
  file->Reserve(5, 1 << 20);
  EXPECT_EQ(*file->Size(), 5u);
  EXPECT_EQ(ReadAll("a"), "hello");
  ASSERT_TRUE(file->WriteAt(5, " world").ok());
  EXPECT_EQ(ReadAll("a"), "hello world");
  // A system that cannot reserve has nothing to give back.
  ASSERT_TRUE(file->Truncate(11).ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(taken_bytes(), before);
}

TEST_F(FileTest, NamesChange) {
  Make("b", "b");
  Make("a", "a");
  Make("c", "c");
  EXPECT_TRUE(disk_.Rename(PathOf("a"), PathOf("b")).ok());
  EXPECT_TRUE(disk_.Remove(PathOf("c")).ok());
  EXPECT_TRUE(disk_.SyncDirectory(directory_).ok());
  EXPECT_EQ(*disk_.List(directory_), std::vector<std::string>{"b"});
  EXPECT_EQ(ReadAll("b"), "a");
}

TEST_F(FileTest, OthersReadALargeFileThatIsRemoved) {
  std::string bytes(5 << 20, 'b');
  bytes.replace(bytes.size() - 3, 3, "end");
  const std::unique_ptr<File> open = Make("a", bytes);
  ASSERT_EQ(::link(PathOf("a").c_str(), PathOf("linked").c_str()), 0);
  ASSERT_TRUE(disk_.Remove(PathOf("a")).ok());
  EXPECT_EQ(*disk_.List(directory_), std::vector<std::string>{"linked"});
  EXPECT_EQ(*ReadWhole(*open, bytes.size()), bytes);
  Result<std::unique_ptr<File>> linked = disk_.Open(PathOf("linked"), OpenMode::kRead);
  ASSERT_TRUE(linked.ok());
  EXPECT_EQ(*ReadWhole(**linked, bytes.size()), bytes);
}

TEST_F(FileTest, RemovingWaitsForNobody) {
  ASSERT_EQ(::mkfifo(PathOf("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(disk_.Remove(PathOf("pipe")).ok());
  EXPECT_EQ(*disk_.List(directory_), std::vector<std::string>{});
}

TEST_F(FileTest, ErrorsNameReasonDeedAndPath) {
  const Status missing = disk_.Open(PathOf("none"), OpenMode::kRead).status();
  EXPECT_EQ(missing.text(), "ENOENT cannot open " + PathOf("none") + ": No such file or directory");
  EXPECT_TRUE(IsNotFound(missing));
  EXPECT_FALSE(IsNotFound(Status::Ok()));
  EXPECT_EQ(disk_.Remove(PathOf("none")).text(),
            "ENOENT cannot remove " + PathOf("none") + ": No such file or directory");
  EXPECT_TRUE(disk_.Open(PathOf("no/such"), OpenMode::kCreate)
                  .status()
                  .text()
                  .starts_with("ENOENT cannot create "));
  EXPECT_TRUE(disk_.List(PathOf("none")).status().text().starts_with("ENOENT cannot list "));
  Make("a", "a");
  Result<std::unique_ptr<File>> file = disk_.Open(PathOf("a"), OpenMode::kRead);
  EXPECT_TRUE((*file)->WriteAt(0, "x").text().starts_with("EBADF cannot write " + PathOf("a")));
  EXPECT_TRUE(
      disk_.Rename(PathOf("a"), PathOf("no/a")).text().starts_with("ENOENT cannot rename "));
}

TEST_F(FileTest, ALockKeepsOthersOut) {
  Result<std::unique_ptr<FileLock>> first = disk_.Lock(PathOf("lock"));
  ASSERT_TRUE(first.ok());
  const Status second = disk_.Lock(PathOf("lock")).status();
  EXPECT_EQ(second.text(), "LOCKED " + PathOf("lock") + " is locked by another process (pid " +
                               std::to_string(::getpid()) + ")");
  first->reset();
  EXPECT_TRUE(disk_.Lock(PathOf("lock")).ok());
}

TEST_F(FileTest, ReadWholeHasALimit) {
  const std::unique_ptr<File> file = Make("a", "12345");
  EXPECT_EQ(*ReadWhole(*file, 5), "12345");
  EXPECT_TRUE(ReadWhole(*file, 4).status().text().starts_with("EFBIG "));
}

TEST(JoinPathTest, HasOneSlash) {
  EXPECT_EQ(JoinPath("/a", "b"), "/a/b");
  EXPECT_EQ(JoinPath("/a/", "b"), "/a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
}

}  // namespace
}  // namespace ampt
