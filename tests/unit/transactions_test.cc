// A connection's queue, and which changes of the data spoil what it watches.
#include "server/transactions.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "model/keyspace.h"

namespace ampt {
namespace {

constexpr TimeMs kNow = 1'700'000'000'000;

class WatchesTest : public testing::Test {
 protected:
  WatchesTest() {
    for (Keyspace* keyspace : {&zero_, &one_}) keyspace->set_effects(&watches_);
  }

  static void Put(Keyspace& keyspace, std::string_view key, TimeMs deadline_ms = kNoDeadline) {
    ItemState state;
    state.value = {ValueType::kString, "v"};
    state.deadline_ms = deadline_ms;
    keyspace.Open(key, kNow).Put(state);
  }
  void Watch(Transaction& transaction, Keyspace& keyspace, std::string_view key,
             TimeMs now_ms = kNow) {
    transaction.Watch(keyspace.database(), key, keyspace.Peek(key, now_ms));
  }

  Allocator allocator_;
  Slices slices_;
  Watches watches_{42, slices_};
  Transaction::OldQueues old_queues_{slices_};
  Keyspace zero_{allocator_, 0, 17};
  Keyspace one_{allocator_, 1, 17};
  Transaction transaction_{watches_, old_queues_};
};

TEST_F(WatchesTest, AChangeOfAWatchedKeySpoils) {
  Put(zero_, "a");
  Put(zero_, "b");
  Watch(transaction_, zero_, "a");
  Watch(transaction_, zero_, "missing");
  Put(zero_, "b");
  Put(one_, "a");
  EXPECT_FALSE(transaction_.is_spoilt(kNow));
  Put(zero_, "a");
  EXPECT_TRUE(transaction_.is_spoilt(kNow));
  transaction_.Unwatch();
  EXPECT_FALSE(transaction_.is_spoilt(kNow));
  EXPECT_TRUE(watches_.empty());

  Watch(transaction_, zero_, "missing");
  Put(zero_, "missing");
  EXPECT_TRUE(transaction_.is_spoilt(kNow));
}

TEST_F(WatchesTest, EveryOriginSpoils) {
  for (const Origin origin :
       {Origin::kClient, Origin::kExpired, Origin::kEvicted, Origin::kMoved}) {
    Put(zero_, "a");
    Watch(transaction_, zero_, "a");
    zero_.Open("a", kNow).Erase(origin);
    EXPECT_TRUE(transaction_.is_spoilt(kNow)) << static_cast<int>(origin);
    transaction_.Unwatch();
  }
}

TEST_F(WatchesTest, AllWhoWatchAKeyAreTold) {
  Put(zero_, "a");
  Transaction second(watches_, old_queues_);
  auto gone = std::make_unique<Transaction>(watches_, old_queues_);
  for (Transaction* transaction : {&transaction_, &second, gone.get()}) {
    Watch(*transaction, zero_, "a");
  }
  gone.reset();
  second.Unwatch();
  Put(zero_, "a");
  EXPECT_TRUE(transaction_.is_spoilt(kNow));
  EXPECT_FALSE(second.is_spoilt(kNow));
}

TEST_F(WatchesTest, AKeyMayBeWatchedTwice) {
  Put(zero_, "a");
  Watch(transaction_, zero_, "a");
  const size_t bytes = transaction_.allocated_bytes();
  Watch(transaction_, zero_, "a");
  EXPECT_EQ(transaction_.allocated_bytes(), bytes);
  transaction_.Unwatch();
  EXPECT_TRUE(watches_.empty());
}

TEST_F(WatchesTest, AFlushSpoilsWhatWasThere) {
  Watch(transaction_, zero_, "missing");
  Put(one_, "a");
  Watch(transaction_, one_, "a");
  zero_.Detach();
  EXPECT_FALSE(transaction_.is_spoilt(kNow));
  one_.Detach();
  EXPECT_TRUE(transaction_.is_spoilt(kNow));
}

TEST_F(WatchesTest, ADeadlineThatComesSpoils) {
  Put(zero_, "a", kNow + 100);
  Put(zero_, "b", kNow + 50);
  Watch(transaction_, zero_, "a");
  Watch(transaction_, zero_, "b");
  EXPECT_FALSE(transaction_.is_spoilt(kNow + 49));
  EXPECT_TRUE(transaction_.is_spoilt(kNow + 50));
  // Whether the item was removed already makes no difference.
  EXPECT_EQ(zero_.ExpireSome(kNow + 50, 10), 1u);
  EXPECT_TRUE(transaction_.is_spoilt(kNow + 50));
}

TEST_F(WatchesTest, WhatWasPastItsDeadlineWasNotThere) {
  Put(zero_, "a", kNow + 10);
  Watch(transaction_, zero_, "a", kNow + 10);
  EXPECT_FALSE(transaction_.is_spoilt(kNow + 20));
  EXPECT_EQ(zero_.ExpireSome(kNow + 20, 10), 1u);
  EXPECT_FALSE(transaction_.is_spoilt(kNow + 20));
  zero_.Detach();
  EXPECT_FALSE(transaction_.is_spoilt(kNow + 20));
  Put(zero_, "a");
  EXPECT_TRUE(transaction_.is_spoilt(kNow + 20));
}

TEST_F(WatchesTest, ManyKeysAreForgottenAtOnceAndGivenBackInSlices) {
  constexpr int kKeys = 5000;
  auto gone = std::make_unique<Transaction>(watches_, old_queues_);
  for (int i = 0; i < kKeys; ++i) {
    Watch(transaction_, zero_, std::to_string(i));
    Watch(*gone, i % 2 == 0 ? zero_ : one_, std::to_string(i));
  }
  transaction_.Unwatch();
  gone.reset();
  EXPECT_EQ(transaction_.allocated_bytes(), 0u);
  EXPECT_FALSE(watches_.empty());
  Put(zero_, "1");
  EXPECT_FALSE(transaction_.is_spoilt(kNow));
  // It may watch the same again meanwhile.
  Watch(transaction_, zero_, "2");
  int slices = 0;
  for (; !slices_.empty(); ++slices) slices_.RunOne(0);
  EXPECT_GT(slices, 4);
  EXPECT_FALSE(watches_.empty());
  EXPECT_FALSE(transaction_.is_spoilt(kNow));
  Put(zero_, "2");
  EXPECT_TRUE(transaction_.is_spoilt(kNow));
  transaction_.Unwatch();
  EXPECT_TRUE(watches_.empty());
}

TEST_F(WatchesTest, ALongQueueIsGivenBackInSlices) {
  const std::string_view words[] = {"SET", "key", "value"};
  constexpr size_t kCommands = 5000;
  const auto fill = [&](Transaction& transaction) {
    transaction.Open();
    for (size_t i = 0; i < kCommands; ++i) transaction.Queue(nullptr, words, 1);
    ASSERT_EQ(transaction.queue().size(), kCommands);
  };
  fill(transaction_);
  transaction_.Close();
  EXPECT_TRUE(transaction_.queue().empty());
  EXPECT_EQ(transaction_.allocated_bytes(), 0u);
  EXPECT_FALSE(old_queues_.empty());
  fill(transaction_);
  transaction_.Abort();
  EXPECT_TRUE(transaction_.queue().empty());
  auto gone = std::make_unique<Transaction>(watches_, old_queues_);
  fill(*gone);
  gone.reset();
  int slices = 0;
  for (; !slices_.empty(); ++slices) slices_.RunOne(0);
  EXPECT_GT(slices, 3);
  EXPECT_TRUE(old_queues_.empty());
}

TEST(TransactionTest, QueuesCopies) {
  Slices slices;
  Watches watches(42, slices);
  Transaction::OldQueues old_queues(slices);
  Transaction transaction(watches, old_queues);
  EXPECT_FALSE(transaction.is_open());
  transaction.Open();
  std::string first = "SET";
  std::string last = "value";
  const std::string_view words[] = {first, "", last};
  transaction.Queue(nullptr, words, 5);
  transaction.Queue(nullptr, std::span(words).first(1), 2);
  first = "YYY";
  last = "YYYYY";
  ASSERT_EQ(transaction.queue().size(), 2u);
  EXPECT_EQ(transaction.queue()[0].words[0], "SET");
  EXPECT_EQ(transaction.queue()[0].words[1], "");
  EXPECT_EQ(transaction.queue()[0].words[2], "value");
  EXPECT_EQ(transaction.queue()[1].words[0], "SET");
  EXPECT_EQ(transaction.flags(), 7u);
  EXPECT_GT(transaction.queued_bytes(), 11u);
  transaction.Close();
  EXPECT_FALSE(transaction.is_open());
  EXPECT_TRUE(transaction.queue().empty());
  EXPECT_EQ(transaction.queued_bytes(), 0u);
  EXPECT_EQ(transaction.flags(), 0u);
}

TEST(TransactionTest, KeepsNothingThatWillNotRun) {
  Slices slices;
  Watches watches(42, slices);
  Transaction::OldQueues old_queues(slices);
  Transaction transaction(watches, old_queues);
  transaction.Open();
  const std::string_view words[] = {"PING"};
  transaction.Queue(nullptr, words, 1);
  transaction.Abort();
  EXPECT_TRUE(transaction.is_aborted());
  transaction.Queue(nullptr, words, 1);
  EXPECT_TRUE(transaction.queue().empty());
  transaction.Close();
  EXPECT_FALSE(transaction.is_aborted());
}

}  // namespace
}  // namespace ampt
