#include "model/record.h"

#include <gtest/gtest.h>

#include <string>

#include "base/little_endian.h"
#include "base/random.h"

namespace ampt {
namespace {

std::string RecordOf(const ItemState& state) {
  std::string bytes;
  AppendRecord(state, &bytes);
  EXPECT_EQ(bytes.size(), RecordBytes(state));
  return bytes;
}

void ExpectSame(const ItemState& a, const ItemState& b) {
  EXPECT_EQ(a.value.type, b.value.type);
  EXPECT_EQ(a.value.text, b.value.text);
  EXPECT_EQ(a.created_s, b.created_s);
  EXPECT_EQ(a.modified_s, b.modified_s);
  EXPECT_EQ(a.deadline_ms, b.deadline_ms);
  EXPECT_EQ(a.labels, b.labels);
}

ItemState Full() {
  ItemState state;
  state.value = {ValueType::kObject, R"({"a":1})"};
  state.created_s = 1700000000;
  state.modified_s = 4294967295;
  state.deadline_ms = -1;
  state.labels = {"one", "", std::string_view("\x01\x01x\x01\x02", 5), "", "five"};
  return state;
}

TEST(RecordTest, EveryPartComesBack) {
  for (const ValueView& value :
       {ValueView{}, ValueView{ValueType::kFalse, "false"}, ValueView{ValueType::kTrue, "true"},
        NumberValue("-0.50e+10"), NumberValue("0"), StringValue(""),
        StringValue(std::string_view("\0\xff", 2)), ValueView{ValueType::kArray, "[]"},
        ValueView{ValueType::kObject, "{}"}}) {
    for (int labels = 0; labels < 32; ++labels) {
      for (const TimeMs deadline_ms : {kNoDeadline, TimeMs{0}, TimeMs{1700000000000}}) {
        ItemState state;
        state.value = value;
        state.created_s = 1;
        state.modified_s = 2;
        state.deadline_ms = deadline_ms;
        for (size_t n = 0; n < 5; ++n) {
          if ((labels >> n & 1) != 0) state.labels[n] = std::string_view("label").substr(n);
        }
        const std::string bytes = RecordOf(state);
        ItemState read;
        ASSERT_TRUE(ReadRecord(bytes, &read).ok());
        ExpectSame(state, read);
      }
    }
  }
}

TEST(RecordTest, TheLayoutIsFixed) {
  ItemState state;
  state.value = NumberValue("42");
  state.created_s = 0x01020304;
  state.modified_s = 0x05060708;
  state.deadline_ms = 0x1112131415161718;
  state.labels[1] = "ab";
  const unsigned char expected[] = {1,    0x0b, 2,    0,    4, 3, 2,    1,    8,    7,
                                    6,    5,    2,    0,    0, 0, 0x18, 0x17, 0x16, 0x15,
                                    0x14, 0x13, 0x12, 0x11, 2, 0, 'a',  'b',  '4',  '2'};
  EXPECT_EQ(RecordOf(state), std::string(reinterpret_cast<const char*>(expected), sizeof expected));
}

TEST(RecordTest, CutOrLengthenedItIsRefused) {
  const std::string bytes = RecordOf(Full());
  ItemState read;
  for (size_t size = 0; size < bytes.size(); ++size) {
    // Heap copies, so that a sanitizer sees a byte too many read.
    const std::string cut(bytes.data(), size);
    EXPECT_FALSE(ReadRecord(cut, &read).ok()) << size;
  }
  EXPECT_FALSE(ReadRecord(bytes + "x", &read).ok());
  EXPECT_TRUE(ReadRecord(bytes, &read).ok());
}

TEST(RecordTest, AnyBytesAreTakenOrRefused) {
  Random random(1);
  const std::string good = RecordOf(Full());
  size_t accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string bytes = good;
    for (uint64_t n = random.Below(3) + 1; n > 0; --n) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    ItemState read;
    if (!ReadRecord(bytes, &read).ok()) continue;
    ++accepted;
    EXPECT_EQ(RecordOf(read), bytes);
  }
  EXPECT_GT(accepted, 0u);
}

TEST(RecordTest, ErrorsSayWhatIsWrong) {
  const auto error_of = [](size_t at, uint8_t byte) {
    std::string bytes = RecordOf(Full());
    bytes[at] = static_cast<char>(byte);
    ItemState read;
    const Status status = ReadRecord(bytes, &read);
    return status.ok() ? std::string() : status.text();
  };
  EXPECT_EQ(error_of(0, 2), "ERR an item record has version 2, this program knows version 1");
  EXPECT_EQ(error_of(1, 0x0f), "ERR an item record has an unknown value type");
  EXPECT_EQ(error_of(1, 0x16), "ERR an item record has an unknown value type");
  EXPECT_EQ(error_of(2, 0x35), "ERR an item record has unknown flags");
  EXPECT_EQ(error_of(12, 6), "ERR an item record has a value of another size than it says");
  EXPECT_EQ(error_of(1, 0x0d), "ERR an item record has a value that is not of its type");
  {
    // The least and the greatest number are no deadlines: one means none, one comes before all.
    ItemState state = Full();
    state.deadline_ms = INT64_MIN;
    ItemState read;
    EXPECT_EQ(ReadRecord(RecordOf(state), &read).text(), "ERR an item record has no such deadline");
  }
  // The first byte of label 1.
  EXPECT_EQ(error_of(30, 0), "ERR an item record has a label that none can be");
}

TEST(RecordTest, NumbersAndWordsHaveToBeSome) {
  const auto accepted = [](ValueType type, std::string_view text) {
    ItemState state;
    state.value = {type, text};
    ItemState read;
    return ReadRecord(RecordOf(state), &read).ok();
  };
  for (const std::string_view text : {"0", "-1", "1.5", "1e5", "10E-7", "-0.0"}) {
    EXPECT_TRUE(accepted(ValueType::kNumber, text)) << text;
  }
  for (const std::string_view text : {"", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 "}) {
    EXPECT_FALSE(accepted(ValueType::kNumber, text)) << text;
  }
  EXPECT_TRUE(accepted(ValueType::kNumber, std::string(256, '1')));
  EXPECT_FALSE(accepted(ValueType::kNumber, std::string(257, '1')));
  EXPECT_FALSE(accepted(ValueType::kTrue, "True"));
  EXPECT_FALSE(accepted(ValueType::kNull, ""));
  EXPECT_FALSE(accepted(ValueType::kArray, "{}"));
}

TEST(RecordTest, CheckValueLooksAtEveryByte) {
  EXPECT_TRUE(CheckValue({ValueType::kObject, R"({"a":[1,"x",null]})"}).ok());
  EXPECT_TRUE(CheckValue({ValueType::kArray, "[]"}).ok());
  EXPECT_TRUE(CheckValue(StringValue("\xff")).ok());
  EXPECT_FALSE(CheckValue({ValueType::kObject, R"({"a":})"}).ok());
  EXPECT_FALSE(CheckValue({ValueType::kObject, R"({"a": 1})"}).ok());
  EXPECT_FALSE(CheckValue({ValueType::kObject, R"({"a":1,"a":2})"}).ok());
  EXPECT_FALSE(CheckValue({ValueType::kObject, R"({"$binary":"AA=="})"}).ok());
}

}  // namespace
}  // namespace ampt
