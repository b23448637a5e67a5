// Any bytes are an item record or refused; what is accepted is written back as it was, and can live
// in a keyspace.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "model/keyspace.h"
#include "model/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ampt;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ItemState state;
  if (!ReadRecord(bytes, &state).ok()) return 0;
  std::string again;
  AppendRecord(state, &again);
  AMPT_ASSERT(again == bytes && RecordBytes(state) == size);
  [[maybe_unused]] const Status value = CheckValue(state.value);
  Allocator allocator;
  Keyspace keyspace(allocator, 0, 1);
  KeyRef ref = keyspace.Open("key", INT64_MIN);
  ref.Put(state);
  keyspace.CheckInvariants();
  again.clear();
  AppendRecord(keyspace.Find("key", INT64_MIN)->state(), &again);
  AMPT_ASSERT(again == bytes);
  return 0;
}
