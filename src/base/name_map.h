// NameMap: values by their names, where no operation takes long.
//
// A hash table that doubles moves all it has at once, with a million names for tens of
// milliseconds. This one gets a bucket more with a name more, whose names come out of one other
// bucket (linear hashing, W. Litwin 1980), and gives buckets back the same way. So adding a name
// costs the same at any size. Nodes stay where they are as long as they are in the map.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"

namespace ampt {

template <typename Value>
class NameMap {
 public:
  class Node {
   public:
    const std::string name;
    Value value{};

   private:
    friend class NameMap;
    Node(std::string_view of, uint64_t with_hash) : name(of), hash(with_hash) {}
    const uint64_t hash;
    Node* next = nullptr;
  };

  // `seed`: random, so that no client can choose names that collide.
  explicit NameMap(uint64_t seed) : seed_(seed), buckets_(1, nullptr) {}
  NameMap(const NameMap&) = delete;
  NameMap& operator=(const NameMap&) = delete;
  ~NameMap() {
    for (Node* node : buckets_) {
      while (node != nullptr) delete std::exchange(node, node->next);
    }
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Null: there is none of that name.
  Node* Find(std::string_view name) const { return Find(name, HashBytes(name, seed_)); }
  // REQUIRES: there is none of that name.
  Node& Add(std::string_view name) {
    if (size_ == buckets_.size()) Split();
    auto* const node = new Node(name, HashBytes(name, seed_));
    Node*& bucket = buckets_[BucketOf(node->hash)];
    node->next = bucket;
    bucket = node;
    ++size_;
    return *node;
  }
  // Deletes the node.
  void Remove(Node& node) {
    Node** at = &buckets_[BucketOf(node.hash)];
    while (*at != &node) at = &(*at)->next;
    *at = node.next;
    delete &node;
    --size_;
    // Twice, so that as many buckets go as names.
    for (int i = 0; i < 2 && 2 * size_ < buckets_.size() && buckets_.size() > 1; ++i) Merge();
  }

  // Calls visit(node) for all, in no order, until it returns true; whether it did. `visit` neither
  // adds nor removes.
  template <typename Visit>
  bool AnyOf(Visit visit) const {
    for (Node* node : buckets_) {
      for (; node != nullptr; node = node->next) {
        if (visit(*node)) return true;
      }
    }
    return false;
  }
  template <typename Visit>
  void ForEach(Visit visit) const {
    AnyOf([&](Node& node) {
      visit(node);
      return false;
    });
  }

 private:
  // The bucket from which bucket `n` was split, n > 0.
  static size_t ParentOf(size_t n) { return n - std::bit_floor(n); }

  size_t BucketOf(uint64_t hash) const {
    const size_t n = hash & (std::bit_ceil(buckets_.size()) - 1);
    return n < buckets_.size() ? n : ParentOf(n);
  }
  Node* Find(std::string_view name, uint64_t hash) const {
    Node* node = buckets_[BucketOf(hash)];
    while (node != nullptr && (node->hash != hash || node->name != name)) node = node->next;
    return node;
  }
  void Split() {
    const size_t parent = ParentOf(buckets_.size());
    buckets_.push_back(nullptr);
    Relink(std::exchange(buckets_[parent], nullptr));
  }
  void Merge() {
    Node* const nodes = buckets_.back();
    buckets_.pop_back();
    Relink(nodes);
  }
  void Relink(Node* nodes) {
    while (nodes != nullptr) {
      Node* const node = std::exchange(nodes, nodes->next);
      Node*& bucket = buckets_[BucketOf(node->hash)];
      node->next = bucket;
      bucket = node;
    }
  }

  const uint64_t seed_;
  std::deque<Node*> buckets_;  // a deque, as that grows without moving
  size_t size_ = 0;
};

}  // namespace ampt
