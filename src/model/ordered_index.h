// OrderedIndex: items in the order of a text, as a tree of blocks.
//
// The same structure serves keys, labels and deadlines (index_text.h). It refers to items and never
// owns, allocates or frees them.
//
// Structure: a B+-tree (Comer, "The Ubiquitous B-Tree", 1979) with linked leaves and 1 KiB nodes.
// Beside each pointer a node keeps a head: four bytes of the item's text behind the prefix that all
// items of the node share (Graefe, "Modern B-Tree Techniques", 2011, on poor man's normalised
// keys and prefix truncation). A search compares heads and touches an item only where heads are
// equal, so an insert into millions of keys costs a handful of cache misses. It replaces a skip
// list: one tower step there is one miss, and at a million keys there are twenty of them. Inner
// nodes also count the items below each child, which makes Rank() and Nth() logarithmic.
//
// Cost: n items take about 15 bytes each after random inserts, 10 after ascending ones. Insert,
// Erase, Seek, Rank, Nth: O(log n). Next, Prev: O(1). Not thread-safe. Inserting and erasing
// invalidate cursors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/prefetch.h"
#include "model/index_text.h"
#include "model/item.h"
#include "model/item_pointer.h"

namespace ampt {

template <typename Order>
class OrderedIndex {
  struct Node;
  struct Leaf;
  struct Inner;

 public:
  // A place in the index: an item, or the end.
  class Cursor {
   public:
    Cursor() = default;
    bool Valid() const { return leaf_ != nullptr; }
    Item* item() const { return leaf_->items[position_]; }
    void Next() {
      if (++position_ < leaf_->count) return;
      leaf_ = leaf_->next;
      position_ = 0;
      if (leaf_ != nullptr) PrefetchLeaf(leaf_->next);
    }
    void Prev() {
      if (position_ > 0) {
        --position_;
        return;
      }
      leaf_ = leaf_->previous;
      if (leaf_ == nullptr) return;
      position_ = leaf_->count - 1u;
      PrefetchLeaf(leaf_->previous);
    }
    // Asks for the item some steps ahead (behind, if `step` < 0) to be brought into the cache, as
    // far as it is in the same node or the next.
    void Prefetch(int step) const {
      const Leaf* leaf = leaf_;
      int at = static_cast<int>(position_) + step;
      if (at >= static_cast<int>(leaf->count)) {
        at -= leaf->count;
        leaf = leaf->next;
        if (leaf == nullptr || at >= static_cast<int>(leaf->count)) return;
      } else if (at < 0) {
        leaf = leaf->previous;
        if (leaf == nullptr || (at += leaf->count) < 0) return;
      }
      const char* item = reinterpret_cast<const char*>(static_cast<const Item*>(leaf->items[at]));
      PrefetchLine(item);
      PrefetchLine(item + 64);
    }

    // Before walking that many steps: asks for the first of them (as Prefetch() does), and for the
    // leaf behind.
    void PrefetchFirst(int steps) const {
      if (leaf_ == nullptr) return;
      PrefetchLeaf(steps < 0 ? leaf_->previous : leaf_->next);
      const int step = steps < 0 ? -1 : 1;
      for (int at = 0; at != steps; at += step) Prefetch(at);
    }

   private:
    friend class OrderedIndex;
    // Walking needs the count and the items, no heads.
    static void PrefetchLeaf(const Leaf* leaf) {
      if (leaf == nullptr) return;
      PrefetchLine(leaf);
      const char* const end = reinterpret_cast<const char*>(leaf->items + kLeafItems);
      for (auto* at = reinterpret_cast<const char*>(leaf->items); at < end; at += 64) {
        PrefetchLine(at);
      }
    }
    Cursor(const Leaf* leaf, uint32_t position) : leaf_(leaf), position_(position) {}
    const Leaf* leaf_ = nullptr;
    uint32_t position_ = 0;
  };

  explicit OrderedIndex(Allocator& allocator, Order order = Order())
      : allocator_(&allocator), order_(order) {}
  OrderedIndex(OrderedIndex&& other) noexcept
      : allocator_(other.allocator_),
        order_(other.order_),
        root_(std::exchange(other.root_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        nodes_(std::exchange(other.nodes_, 0)) {}
  OrderedIndex& operator=(OrderedIndex&& other) noexcept {
    std::swap(allocator_, other.allocator_);
    std::swap(order_, other.order_);
    std::swap(root_, other.root_);
    std::swap(size_, other.size_);
    std::swap(nodes_, other.nodes_);
    return *this;
  }
  ~OrderedIndex() {
    while (!DropSome(1u << 20, [](const ItemPointer*, size_t) {})) {
    }
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // REQUIRES: no item of equal text is in the index. Inserting in ascending order fills nodes, and
  // takes no search of the tree.
  void Insert(Item* item);
  // REQUIRES: `item` is in the index and its text is what it was when it was inserted.
  void Erase(Item* item);
  // Puts an item of the same text in its place; cursors stay good. REQUIRES: as Erase().
  void Replace(Item* item, Item* by);

  Cursor First() const;
  Cursor Last() const;
  // The first item whose text is not before `text`; the end if there is none.
  Cursor Seek(std::string_view text) const;
  // The last item whose text is before `text`; the end if there is none.
  Cursor SeekBefore(std::string_view text) const;

  // How many items are before `text`.
  size_t Rank(std::string_view text) const;
  // The item with exactly n items before it. REQUIRES: n < size().
  Item* Nth(size_t n) const;

  // Frees up to `nodes` nodes from the end and gives the items of each freed leaf to
  // `release(items, count)`. True when the index is empty. Only Insert into an emptied index, this
  // and the destructor may follow: it is the way to drop an index in slices.
  template <typename Release>
  bool DropSome(size_t nodes, Release release);

  size_t allocated_bytes() const { return nodes_ * kNodeBytes; }
  // Every promise of the structure; ends the process where one is broken. Cost: linear.
  void CheckInvariants() const;

 private:
  static constexpr size_t kNodeBytes = 1024;
  static constexpr size_t kPrefixTail = 16;
  static constexpr uint32_t kLeafItems = 98;
  static constexpr uint32_t kChildren = 45;
  static constexpr int kMaxHeight = 10;
  static constexpr size_t kMaxPrefix = 0xfff0;

  struct Node {
    uint16_t count = 0;
    uint16_t prefix_size = 0;  // bytes that the texts of all items in this node share
    uint32_t is_leaf = 0;
    char prefix_tail[kPrefixTail] = {};  // the last of them
  };
  struct Leaf : Node {
    Leaf() { this->is_leaf = 1; }
    Leaf* next = nullptr;
    Leaf* previous = nullptr;
    uint32_t heads[kLeafItems];
    ItemPointer items[kLeafItems];
  };
  // items[i] is the first item below children[i].
  struct Inner : Node {
    uint32_t heads[kChildren];
    uint32_t sizes[kChildren];
    ItemPointer items[kChildren];
    Node* children[kChildren];
  };
  static_assert(sizeof(Leaf) <= kNodeBytes && sizeof(Inner) <= kNodeBytes);

  struct Step {
    Inner* node;
    uint32_t at;
  };
  struct Path {
    Step steps[kMaxHeight];
    int height = 0;
  };

  static uint32_t* HeadsOf(Node* n) { return n->is_leaf ? AsLeaf(n)->heads : AsInner(n)->heads; }
  static ItemPointer* ItemsOf(Node* n) { return n->is_leaf ? AsLeaf(n)->items : AsInner(n)->items; }
  static Leaf* AsLeaf(Node* n) { return static_cast<Leaf*>(n); }
  static Inner* AsInner(Node* n) { return static_cast<Inner*>(n); }
  static const Leaf* AsLeaf(const Node* n) { return static_cast<const Leaf*>(n); }
  static const Inner* AsInner(const Node* n) { return static_cast<const Inner*>(n); }

  template <typename Kind>
  Kind* NewNode() {
    ++nodes_;
    return new (allocator_->Allocate(kNodeBytes)) Kind;
  }
  void FreeNode(Node* node) {
    allocator_->Free(node, kNodeBytes);
    --nodes_;
  }

  // Where a probe lies in a node: the first position whose item is not before it.
  struct Place {
    uint32_t at;
    bool equal;  // the item there has the probe's text
  };
  // `*known`: so many bytes of the probe agree with the node's first item; raised or lowered.
  Place FindPlace(const Node* node, std::string_view probe, size_t* known) const;
  static uint32_t ChildFor(const Place& place) {
    return place.equal || place.at == 0 ? place.at : place.at - 1;
  }

  // Makes heads and prefix right for a node whose items have changed.
  void Rebuild(Node* node, size_t prefix_size);
  size_t SharedPrefix(const Item& a, const Item& b) const;
  // Lengthens the prefix where the items allow it.
  void Refresh(Node* node);
  // Shortens the prefix where `text` does not share it.
  void Admit(Node* node, std::string_view text);

  Leaf* LastLeaf(Path* path) const;  // REQUIRES: it is not empty
  // To the leaf where an item that is not in the index belongs, which the nodes on the way learn
  // about if it is to be their first.
  Leaf* Descend(Item* item, std::string_view text, Path* path, size_t* known);
  // `known`: so many bytes of the text are known to agree with the leaf's first item.
  void InsertAt(Leaf* leaf, uint32_t at, Item* item, std::string_view text, size_t known);
  void InsertChild(Inner* node, uint32_t at, Node* child, uint32_t size);
  // Splits a full node; the new right one takes the items from `keep` on.
  Node* Split(Node* node, uint32_t keep);
  void AddToParent(Path& path, Node* left, Node* right);
  static uint32_t SizeOf(const Node* node);
  void SetFirst(Path& path, int level, Item* item);
  static void ForgetChild(Inner* node, uint32_t at);
  void RemoveChild(Path& path);
  void MergeIfSparse(Path& path, Node* node);
  void Join(Inner* parent, uint32_t left_at);

  // Asks for a node's lines all at once: one miss's time instead of several.
  static void PrefetchNode(const Node* node, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 64) {
      PrefetchLine(reinterpret_cast<const char*>(node) + i);
    }
  }
  // Header and heads.
  static constexpr size_t kSearchBytes =
      sizeof(Node) + 2 * sizeof(Leaf*) + kLeafItems * sizeof(uint32_t);

  // Where the probe's leaf is and its place in it.
  std::pair<const Leaf*, uint32_t> Locate(std::string_view text) const;

  struct Checked {
    size_t size;
    int depth;
    const Item* first;
    const Item* last;
  };
  Checked CheckNode(const Node* node, const Leaf** last_leaf) const;

  Allocator* allocator_;
  Order order_;
  Node* root_ = nullptr;
  size_t size_ = 0;
  size_t nodes_ = 0;
  // A hint, right whatever it is: the last insert went to the last leaf, as most of ascending ones
  // do (a snapshot that is loaded, keys with a time). The next then looks there first (Guibas et
  // al., "A New Representation for Linear Lists", 1977, on fingers).
  bool ascends_ = false;
  std::string scratch_;
};

// --- searching
// ------------------------------------------------------------------------------------

template <typename Order>
typename OrderedIndex<Order>::Place OrderedIndex<Order>::FindPlace(const Node* node,
                                                                   std::string_view probe,
                                                                   size_t* known) const {
  const uint32_t count = node->count;
  const uint32_t* heads = node->is_leaf ? AsLeaf(node)->heads : AsInner(node)->heads;
  const ItemPointer* items = node->is_leaf ? AsLeaf(node)->items : AsInner(node)->items;
  const size_t prefix = node->prefix_size;
  if (prefix > *known) {
    // The prefix first: where the probe leaves it, it lies before or behind the whole node.
    size_t at;
    bool before;
    if (prefix - *known <= kPrefixTail) {
      const std::string_view tail(node->prefix_tail + kPrefixTail - (prefix - *known),
                                  prefix - *known);
      const std::string_view same = probe.substr(std::min(*known, probe.size()));
      const size_t differs = MismatchOf(tail, same, 0);
      at = *known + differs;
      before = at < prefix && (differs >= same.size() || static_cast<uint8_t>(same[differs]) <
                                                             static_cast<uint8_t>(tail[differs]));
    } else {
      const auto& text = order_.TextOf(*items[0]);
      at = std::min(text.Mismatch(probe, *known), prefix);
      before = at < prefix && text.Compare(probe, at) > 0;
    }
    *known = at;
    if (at < prefix) return {before ? 0 : count, false};
  }
  const uint32_t head = LoadHead(probe.data(), probe.size(), prefix);
  // Branch-free search for the first head that is not below.
  const uint32_t* base = heads;
  uint32_t length = count;
  while (length > 1) {
    const uint32_t half = length / 2;
    base += (base[half - 1] < head) * half;
    length -= half;
  }
  uint32_t low = static_cast<uint32_t>(base - heads);
  low += low < count && heads[low] < head;
  if (low >= count || heads[low] != head) return {low, false};
  // Equal heads: among these the items decide.
  uint32_t high = low + 1;
  while (high < count && heads[high] == head) ++high;
  // A long run (many items of one label) is worth asking for all at once: the misses overlap.
  if (high - low > 2) {
    const uint32_t step = (high - low + 15) / 16;
    for (uint32_t i = low; i < high; i += step) PrefetchLine(items[i]);
  }
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const auto& text = order_.TextOf(*items[middle]);
    const int c = text.Compare(probe, prefix);
    if (c == 0) return {middle, true};
    if (c < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {low, false};
}

template <typename Order>
std::pair<const typename OrderedIndex<Order>::Leaf*, uint32_t> OrderedIndex<Order>::Locate(
    std::string_view text) const {
  const Node* node = root_;
  size_t known = 0;
  while (!node->is_leaf) {
    node = AsInner(node)->children[ChildFor(FindPlace(node, text, &known))];
    PrefetchNode(node, kSearchBytes);
  }
  return {AsLeaf(node), FindPlace(node, text, &known).at};
}

template <typename Order>
typename OrderedIndex<Order>::Cursor OrderedIndex<Order>::First() const {
  if (root_ == nullptr) return {};
  const Node* node = root_;
  while (!node->is_leaf) node = AsInner(node)->children[0];
  return {AsLeaf(node), 0};
}

template <typename Order>
typename OrderedIndex<Order>::Cursor OrderedIndex<Order>::Last() const {
  if (root_ == nullptr) return {};
  Path path;
  const Leaf* leaf = LastLeaf(&path);
  return {leaf, leaf->count - 1u};
}

template <typename Order>
typename OrderedIndex<Order>::Cursor OrderedIndex<Order>::Seek(std::string_view text) const {
  if (root_ == nullptr) return {};
  const auto [leaf, at] = Locate(text);
  if (at < leaf->count) return {leaf, at};
  return {leaf->next, 0};
}

template <typename Order>
typename OrderedIndex<Order>::Cursor OrderedIndex<Order>::SeekBefore(std::string_view text) const {
  if (root_ == nullptr) return {};
  const auto [leaf, at] = Locate(text);
  if (at > 0) return {leaf, at - 1};
  if (leaf->previous == nullptr) return {};
  return {leaf->previous, leaf->previous->count - 1u};
}

template <typename Order>
size_t OrderedIndex<Order>::Rank(std::string_view text) const {
  if (root_ == nullptr) return 0;
  size_t rank = 0;
  size_t known = 0;
  const Node* node = root_;
  while (!node->is_leaf) {
    const Inner* inner = AsInner(node);
    const uint32_t at = ChildFor(FindPlace(node, text, &known));
    for (uint32_t i = 0; i < at; ++i) rank += inner->sizes[i];
    node = inner->children[at];
  }
  return rank + FindPlace(node, text, &known).at;
}

template <typename Order>
Item* OrderedIndex<Order>::Nth(size_t n) const {
  AMPT_ASSERT(n < size_);
  const Node* node = root_;
  while (!node->is_leaf) {
    const Inner* inner = AsInner(node);
    uint32_t at = 0;
    while (n >= inner->sizes[at]) n -= inner->sizes[at++];
    node = inner->children[at];
  }
  return AsLeaf(node)->items[n];
}

// --- heads and prefixes
// ---------------------------------------------------------------------------

template <typename Order>
size_t OrderedIndex<Order>::SharedPrefix(const Item& a, const Item& b) const {
  std::string flat;
  const auto& other = order_.TextOf(b);
  const std::string_view probe = other.Flat(&flat);
  return std::min(order_.TextOf(a).Mismatch(probe, 0), kMaxPrefix);
}

template <typename Order>
void OrderedIndex<Order>::Rebuild(Node* node, size_t prefix_size) {
  node->prefix_size = static_cast<uint16_t>(prefix_size);
  ItemPointer* items = ItemsOf(node);
  uint32_t* heads = HeadsOf(node);
  for (uint32_t i = 0; i < node->count; ++i) PrefetchLine(items[i]);
  for (uint32_t i = 0; i < node->count; ++i) heads[i] = order_.TextOf(*items[i]).Head(prefix_size);
  if (node->count > 0) {
    std::string flat;
    const auto& first = order_.TextOf(*items[0]);
    const std::string_view text = first.Flat(&flat);
    const size_t tail = std::min(prefix_size, kPrefixTail);
    std::memcpy(node->prefix_tail + kPrefixTail - tail, text.data() + prefix_size - tail, tail);
  }
}

template <typename Order>
void OrderedIndex<Order>::Refresh(Node* node) {
  if (node->count < 2) return;
  ItemPointer* items = ItemsOf(node);
  const size_t shared = SharedPrefix(*items[0], *items[node->count - 1]);
  if (shared > node->prefix_size) Rebuild(node, shared);
}

template <typename Order>
void OrderedIndex<Order>::Admit(Node* node, std::string_view text) {
  if (node->count == 0 || node->prefix_size == 0) return;
  const auto& first = order_.TextOf(*ItemsOf(node)[0]);
  const size_t shared = first.Mismatch(text, 0);
  if (shared < node->prefix_size) Rebuild(node, shared);
}

// --- inserting
// ------------------------------------------------------------------------------------

template <typename Order>
uint32_t OrderedIndex<Order>::SizeOf(const Node* node) {
  if (node->is_leaf) return node->count;
  uint32_t size = 0;
  for (uint32_t i = 0; i < node->count; ++i) size += AsInner(node)->sizes[i];
  return size;
}

template <typename Order>
void OrderedIndex<Order>::Insert(Item* item) {
  const std::string_view text = order_.TextOf(*item).Flat(&scratch_);
  ++size_;
  if (root_ == nullptr) {
    Leaf* leaf = NewNode<Leaf>();
    root_ = leaf;
    InsertAt(leaf, 0, item, text, 0);
    return;
  }
  Path path;
  size_t known = 0;
  Leaf* leaf = nullptr;
  uint32_t at = 0;
  if (ascends_) {
    leaf = LastLeaf(&path);
    at = FindPlace(leaf, text, &known).at;
  }
  if (at == 0) {  // it is not behind the first item of the last leaf
    known = 0;
    leaf = Descend(item, text, &path, &known);
    at = FindPlace(leaf, text, &known).at;
  }
  for (int level = 0; level < path.height; ++level) {
    ++path.steps[level].node->sizes[path.steps[level].at];
  }
  ascends_ = leaf->next == nullptr;
  if (leaf->count < kLeafItems) {
    InsertAt(leaf, at, item, text, known);
    return;
  }
  // Behind the last item of the node, as ascending keys come, a split leaves the node full.
  const uint32_t keep = at == kLeafItems ? kLeafItems : kLeafItems / 2;
  Leaf* right = AsLeaf(Split(leaf, keep));
  if (at > keep || (at == keep && keep == kLeafItems)) {
    InsertAt(right, at - keep, item, text, known);
  } else {
    InsertAt(leaf, at, item, text, known);
  }
  AddToParent(path, leaf, right);
}

template <typename Order>
typename OrderedIndex<Order>::Leaf* OrderedIndex<Order>::LastLeaf(Path* path) const {
  Node* node = root_;
  path->height = 0;
  while (!node->is_leaf) {
    Inner* inner = AsInner(node);
    path->steps[path->height++] = {inner, inner->count - 1u};
    node = inner->children[inner->count - 1];
  }
  return AsLeaf(node);
}

template <typename Order>
typename OrderedIndex<Order>::Leaf* OrderedIndex<Order>::Descend(Item* item, std::string_view text,
                                                                 Path* path, size_t* known) {
  Node* node = root_;
  path->height = 0;
  while (!node->is_leaf) {
    Inner* inner = AsInner(node);
    const Place place = FindPlace(inner, text, known);
    const uint32_t at = ChildFor(place);
    if (place.at == 0) {  // a new first item
      Admit(inner, text);
      inner->items[0] = item;
      inner->heads[0] = order_.TextOf(*item).Head(inner->prefix_size);
    }
    AMPT_ASSERT(path->height < kMaxHeight);
    path->steps[path->height++] = {inner, at};
    node = inner->children[at];
    PrefetchNode(node, kNodeBytes);
  }
  return AsLeaf(node);
}

template <typename Order>
void OrderedIndex<Order>::InsertAt(Leaf* leaf, uint32_t at, Item* item, std::string_view text,
                                   size_t known) {
  if (leaf->prefix_size > known) Admit(leaf, text);
  const uint32_t behind = leaf->count - at;
  std::memmove(leaf->heads + at + 1, leaf->heads + at, behind * sizeof leaf->heads[0]);
  std::memmove(leaf->items + at + 1, leaf->items + at, behind * sizeof leaf->items[0]);
  leaf->heads[at] = LoadHead(text.data(), text.size(), leaf->prefix_size);
  leaf->items[at] = item;
  ++leaf->count;
  // A growing node learns its prefix at a few sizes; a split learns it again.
  if (leaf->count >= 8 && (leaf->count & (leaf->count - 1)) == 0) Refresh(leaf);
}

template <typename Order>
typename OrderedIndex<Order>::Node* OrderedIndex<Order>::Split(Node* node, uint32_t keep) {
  const uint32_t moved = node->count - keep;
  Node* right;
  if (node->is_leaf) {
    Leaf* from = AsLeaf(node);
    Leaf* to = NewNode<Leaf>();
    std::memcpy(to->heads, from->heads + keep, moved * sizeof to->heads[0]);
    std::memcpy(to->items, from->items + keep, moved * sizeof to->items[0]);
    to->next = from->next;
    to->previous = from;
    if (to->next != nullptr) to->next->previous = to;
    from->next = to;
    right = to;
  } else {
    Inner* from = AsInner(node);
    Inner* to = NewNode<Inner>();
    std::memcpy(to->heads, from->heads + keep, moved * sizeof to->heads[0]);
    std::memcpy(to->sizes, from->sizes + keep, moved * sizeof to->sizes[0]);
    std::memcpy(to->items, from->items + keep, moved * sizeof to->items[0]);
    std::memcpy(to->children, from->children + keep, moved * sizeof to->children[0]);
    right = to;
  }
  node->count = static_cast<uint16_t>(keep);
  right->count = static_cast<uint16_t>(moved);
  right->prefix_size = moved > 0 ? node->prefix_size : 0;
  std::memcpy(right->prefix_tail, node->prefix_tail, kPrefixTail);
  Refresh(node);
  Refresh(right);
  return right;
}

template <typename Order>
void OrderedIndex<Order>::InsertChild(Inner* node, uint32_t at, Node* child, uint32_t size) {
  Item* first = ItemsOf(child)[0];
  {
    std::string flat;
    const auto& text = order_.TextOf(*first);
    Admit(node, text.Flat(&flat));
  }
  const uint32_t behind = node->count - at;
  std::memmove(node->heads + at + 1, node->heads + at, behind * sizeof node->heads[0]);
  std::memmove(node->sizes + at + 1, node->sizes + at, behind * sizeof node->sizes[0]);
  std::memmove(node->items + at + 1, node->items + at, behind * sizeof node->items[0]);
  std::memmove(node->children + at + 1, node->children + at, behind * sizeof node->children[0]);
  node->heads[at] = order_.TextOf(*first).Head(node->prefix_size);
  node->sizes[at] = size;
  node->items[at] = first;
  node->children[at] = child;
  ++node->count;
  if ((node->count & (node->count - 1)) == 0) Refresh(node);
}

template <typename Order>
void OrderedIndex<Order>::AddToParent(Path& path, Node* left, Node* right) {
  while (true) {
    const uint32_t right_size = SizeOf(right);
    if (path.height == 0) {
      Inner* root = NewNode<Inner>();
      InsertChild(root, 0, left, SizeOf(left));
      InsertChild(root, 1, right, right_size);
      root_ = root;
      return;
    }
    const auto [parent, at] = path.steps[--path.height];
    parent->sizes[at] -= right_size;
    if (parent->count < kChildren) {
      InsertChild(parent, at + 1, right, right_size);
      return;
    }
    const uint32_t keep = at + 1 == kChildren ? kChildren - 1 : kChildren / 2;
    Inner* beside = AsInner(Split(parent, keep));
    if (at + 1 > keep) {
      InsertChild(beside, at + 1 - keep, right, right_size);
    } else {
      InsertChild(parent, at + 1, right, right_size);
    }
    left = parent;
    right = beside;
  }
}

// --- replacing
// ------------------------------------------------------------------------------------

template <typename Order>
void OrderedIndex<Order>::Replace(Item* item, Item* by) {
  const std::string_view text = order_.TextOf(*item).Flat(&scratch_);
  Node* node = root_;
  size_t known = 0;
  while (!node->is_leaf) {
    Inner* inner = AsInner(node);
    const Place place = FindPlace(inner, text, &known);
    if (place.equal) inner->items[place.at] = by;
    node = inner->children[ChildFor(place)];
    PrefetchNode(node, kSearchBytes);
  }
  const Place place = FindPlace(node, text, &known);
  AMPT_ASSERT(place.equal && AsLeaf(node)->items[place.at] == item);
  AsLeaf(node)->items[place.at] = by;
}

// --- erasing
// --------------------------------------------------------------------------------------

template <typename Order>
void OrderedIndex<Order>::Erase(Item* item) {
  const std::string_view text = order_.TextOf(*item).Flat(&scratch_);
  AMPT_ASSERT(root_ != nullptr);
  Path path;
  Node* node = root_;
  size_t known = 0;
  while (!node->is_leaf) {
    Inner* inner = AsInner(node);
    const uint32_t at = ChildFor(FindPlace(inner, text, &known));
    --inner->sizes[at];
    path.steps[path.height++] = {inner, at};
    node = inner->children[at];
    PrefetchNode(node, kNodeBytes);
  }
  Leaf* leaf = AsLeaf(node);
  const Place place = FindPlace(leaf, text, &known);
  AMPT_ASSERT(place.equal && leaf->items[place.at] == item);
  --size_;
  const uint32_t behind = leaf->count - place.at - 1u;
  std::memmove(leaf->heads + place.at, leaf->heads + place.at + 1, behind * sizeof leaf->heads[0]);
  std::memmove(leaf->items + place.at, leaf->items + place.at + 1, behind * sizeof leaf->items[0]);
  --leaf->count;
  if (leaf->count == 0) {
    if (leaf->previous != nullptr) leaf->previous->next = leaf->next;
    if (leaf->next != nullptr) leaf->next->previous = leaf->previous;
    FreeNode(leaf);
    RemoveChild(path);
    return;
  }
  if (place.at == 0) SetFirst(path, path.height, leaf->items[0]);
  MergeIfSparse(path, leaf);
}

// The subtree below step `level - 1` begins with another item: tell the nodes above.
template <typename Order>
void OrderedIndex<Order>::SetFirst(Path& path, int level, Item* item) {
  while (level > 0) {
    const auto [inner, at] = path.steps[--level];
    std::string flat;
    const auto& text = order_.TextOf(*item);
    inner->items[at] = item;  // before Admit: the old first item may already be unlinked
    if (inner->prefix_size > 0) {
      // A single child's items need not share what its old first item had.
      size_t shared = 0;
      if (inner->count > 1) {
        const Item* other = inner->items[at == 0 ? inner->count - 1u : 0];
        shared = order_.TextOf(*other).Mismatch(text.Flat(&flat), 0);
      }
      if (shared < inner->prefix_size) Rebuild(inner, shared);
    }
    inner->heads[at] = text.Head(inner->prefix_size);
    if (at > 0) return;
  }
}

template <typename Order>
void OrderedIndex<Order>::ForgetChild(Inner* node, uint32_t at) {
  const uint32_t behind = node->count - at - 1u;
  std::memmove(node->heads + at, node->heads + at + 1, behind * sizeof node->heads[0]);
  std::memmove(node->sizes + at, node->sizes + at + 1, behind * sizeof node->sizes[0]);
  std::memmove(node->items + at, node->items + at + 1, behind * sizeof node->items[0]);
  std::memmove(node->children + at, node->children + at + 1, behind * sizeof node->children[0]);
  --node->count;
}

// The child at the path's end is gone.
template <typename Order>
void OrderedIndex<Order>::RemoveChild(Path& path) {
  while (path.height > 0) {
    const auto [inner, at] = path.steps[--path.height];
    ForgetChild(inner, at);
    if (inner->count == 0) {
      FreeNode(inner);
      continue;
    }
    if (at == 0) SetFirst(path, path.height, inner->items[0]);
    MergeIfSparse(path, inner);
    return;
  }
  root_ = nullptr;
}

template <typename Order>
void OrderedIndex<Order>::MergeIfSparse(Path& path, Node* node) {
  while (true) {
    if (path.height == 0) {
      // A root with one child gives way to it.
      while (!root_->is_leaf && root_->count == 1) {
        Node* child = AsInner(root_)->children[0];
        FreeNode(root_);
        root_ = child;
      }
      return;
    }
    const uint32_t capacity = node->is_leaf ? kLeafItems : kChildren;
    const Step step = path.steps[--path.height];
    Inner* const parent = step.node;
    const uint32_t at = step.at;
    if (node->count >= capacity / 4) return;
    const auto fits = [&](uint32_t left) {
      return parent->children[left]->count + parent->children[left + 1]->count <= capacity * 3 / 4;
    };
    if (at + 1u < parent->count && fits(at)) {
      Join(parent, at);
    } else if (at > 0 && fits(at - 1)) {
      Join(parent, at - 1);
    } else if (parent->count > 1) {
      return;
    }
    node = parent;
  }
}

template <typename Order>
void OrderedIndex<Order>::Join(Inner* parent, uint32_t left_at) {
  Node* left = parent->children[left_at];
  Node* right = parent->children[left_at + 1];
  const uint32_t old = left->count;
  std::memcpy(ItemsOf(left) + old, ItemsOf(right), right->count * sizeof(Item*));
  if (left->is_leaf) {
    AsLeaf(left)->next = AsLeaf(right)->next;
    if (AsLeaf(left)->next != nullptr) AsLeaf(left)->next->previous = AsLeaf(left);
  } else {
    std::memcpy(AsInner(left)->sizes + old, AsInner(right)->sizes, right->count * sizeof(uint32_t));
    std::memcpy(AsInner(left)->children + old, AsInner(right)->children,
                right->count * sizeof(Node*));
  }
  left->count = static_cast<uint16_t>(old + right->count);
  Rebuild(left, SharedPrefix(*ItemsOf(left)[0], *ItemsOf(left)[left->count - 1]));
  FreeNode(right);
  parent->sizes[left_at] += parent->sizes[left_at + 1];
  ForgetChild(parent, left_at + 1);
}

template <typename Order>
template <typename Release>
bool OrderedIndex<Order>::DropSome(size_t nodes, Release release) {
  while (root_ != nullptr && nodes > 0) {
    Path path;
    Node* node = root_;
    while (!node->is_leaf) {
      path.steps[path.height++] = {AsInner(node), node->count - 1u};
      node = AsInner(node)->children[node->count - 1];
    }
    size_ -= node->count;
    release(AsLeaf(node)->items, static_cast<size_t>(node->count));
    while (true) {
      if (node == root_) root_ = nullptr;
      FreeNode(node);
      if (nodes > 0) --nodes;
      if (path.height == 0) break;
      Inner* parent = path.steps[--path.height].node;
      if (--parent->count > 0) break;
      node = parent;
    }
  }
  return root_ == nullptr;
}

// --- checking
// -------------------------------------------------------------------------------------

template <typename Order>
void OrderedIndex<Order>::CheckInvariants() const {
  if (root_ == nullptr) {
    AMPT_ASSERT(size_ == 0);
    return;
  }
  const Leaf* last_leaf = nullptr;
  const Checked checked = CheckNode(root_, &last_leaf);
  AMPT_ASSERT(checked.size == size_);
  AMPT_ASSERT(last_leaf != nullptr && last_leaf->next == nullptr);
}

template <typename Order>
typename OrderedIndex<Order>::Checked OrderedIndex<Order>::CheckNode(const Node* node,
                                                                     const Leaf** last_leaf) const {
  AMPT_ASSERT(node->count > 0);
  Node* mutable_node = const_cast<Node*>(node);
  ItemPointer* items = ItemsOf(mutable_node);
  const uint32_t* heads = HeadsOf(mutable_node);
  std::string flat;
  for (uint32_t i = 0; i < node->count; ++i) {
    const auto& text = order_.TextOf(*items[i]);
    AMPT_ASSERT(heads[i] == text.Head(node->prefix_size));
    AMPT_ASSERT(SharedPrefix(*items[0], *items[i]) >= node->prefix_size);
    if (i > 0) {
      AMPT_ASSERT(order_.TextOf(*items[i - 1]).Compare(text.Flat(&flat), 0) < 0);
    }
  }
  {
    const auto& first = order_.TextOf(*items[0]);
    const std::string_view text = first.Flat(&flat);
    const size_t tail = std::min<size_t>(node->prefix_size, kPrefixTail);
    AMPT_ASSERT(std::memcmp(node->prefix_tail + kPrefixTail - tail,
                            text.data() + node->prefix_size - tail, tail) == 0);
  }
  if (node->is_leaf) {
    const Leaf* leaf = AsLeaf(node);
    AMPT_ASSERT(leaf->count <= kLeafItems);
    AMPT_ASSERT(leaf->previous == *last_leaf);
    AMPT_ASSERT(*last_leaf == nullptr || (*last_leaf)->next == leaf);
    *last_leaf = leaf;
    return {leaf->count, 1, leaf->items[0], leaf->items[leaf->count - 1]};
  }
  const Inner* inner = AsInner(node);
  AMPT_ASSERT(inner->count <= kChildren);
  Checked whole{0, 0, inner->items[0], nullptr};
  for (uint32_t i = 0; i < inner->count; ++i) {
    const Checked part = CheckNode(inner->children[i], last_leaf);
    AMPT_ASSERT(part.first == inner->items[i]);
    AMPT_ASSERT(part.size == inner->sizes[i]);
    AMPT_ASSERT(whole.depth == 0 || whole.depth == part.depth + 1);
    if (i + 1 < inner->count) {
      const auto& next = order_.TextOf(*inner->items[i + 1]);
      AMPT_ASSERT(order_.TextOf(*part.last).Compare(next.Flat(&flat), 0) < 0);
    }
    whole.depth = part.depth + 1;
    whole.size += part.size;
    whole.last = part.last;
  }
  return whole;
}

}  // namespace ampt
