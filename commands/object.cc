// OBJECT. What Redis tells of its own insides, as far as it means something here. A value is always
// its text, so ENCODING says what Redis would make of that text. Asking is no use of the item, so
// IDLETIME and FREQ change nothing of what they tell.
#include "base/bytes.h"
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

// Of a subcommand, which all take one key and answer null where there is none.
constexpr Spec SpecOf(std::string_view name, std::string_view summary, std::string_view since,
                      std::span<const Example> examples) {
  return {.name = name,
          .group = Group::kGeneric,
          .summary = summary,
          .since = since,
          .complexity = "O(1)",
          .flags = kReadonly,
          .scope = Scope::kKey,
          .examples = examples};
}

// --- ENCODING
// -------------------------------------------------------------------------------------

constexpr Example kEncodingExamples[] = {
    {"MSET visits 7 greeting Hello", "OK"},
    {"OBJECT ENCODING visits", "\"int\""},
    {"OBJECT ENCODING greeting", "\"embstr\""},
    {"OBJECT ENCODING nothing", "(nil)"},
};

std::string_view EncodingOf(const ValueView& value) {
  constexpr size_t kEmbeddedBytes = 44;  // Redis keeps a string up to here beside its header
  if (value.is_object()) return "listpack";
  if (value.is_array()) return "quicklist";
  if (ParseInteger(value.text)) return "int";
  return value.text.size() <= kEmbeddedBytes ? "embstr" : "raw";
}

Status RunEncoding(Context& context, const Args& args) {
  const Item* item = context.store.Inspect(args.key, context.now_ms);
  if (item == nullptr) {
    context.reply.Null();
  } else {
    context.reply.Bulk(EncodingOf(item->value()));
  }
  return {};
}

constexpr Command kEncoding = Define<kGrammar, RunEncoding>(
    SpecOf("object|encoding", "Returns how Redis would keep the value of a key", "2.2.3",
           kEncodingExamples));

// --- FREQ
// -----------------------------------------------------------------------------------------

constexpr Example kFreqExamples[] = {
    {"OBJECT FREQ nothing", "(nil)"},
};

// Whether uses of the store's items are tracked that way.
bool IsTracked(const Store& store, AccessKind kind) {
  return store.access_tracker() != nullptr && store.access_tracker()->kind() == kind;
}

Status RunFreq(Context& context, const Args& args) {
  const Item* item = context.store.Inspect(args.key, context.now_ms);
  if (item == nullptr) {
    context.reply.Null();
    return {};
  }
  if (!IsTracked(context.store, AccessKind::kFrequency)) {
    return Status::Err(
        "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
        "when switching between policies at runtime LRU and LFU data will take some time to "
        "adjust.");
  }
  context.reply.Integer(context.store.access_tracker()->Frequency(*item, context.now_ms));
  return {};
}

constexpr Command kFreq = Define<kGrammar, RunFreq>(
    SpecOf("object|freq",
           "Returns how often a key is used, on a logarithmic scale to 255; under LFU policies",
           "4.0.0", kFreqExamples));

// --- IDLETIME
// -------------------------------------------------------------------------------------

constexpr Example kIdletimeExamples[] = {
    {"SET greeting Hello", "OK"},
    {"OBJECT IDLETIME greeting", "(integer) 0"},
};

Status RunIdletime(Context& context, const Args& args) {
  const Item* item = context.store.Inspect(args.key, context.now_ms);
  if (item == nullptr) {
    context.reply.Null();
    return {};
  }
  if (!IsTracked(context.store, AccessKind::kTime)) {
    return Status::Err(
        "An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
        "switching between policies at runtime LRU and LFU data will take some time to adjust.");
  }
  context.reply.Integer(context.store.access_tracker()->IdleSeconds(*item, context.now_ms));
  return {};
}

constexpr Command kIdletime = Define<kGrammar, RunIdletime>(SpecOf(
    "object|idletime", "Returns the seconds since a key was last used; not under LFU policies",
    "2.2.3", kIdletimeExamples));

// --- REFCOUNT
// -------------------------------------------------------------------------------------

constexpr Example kRefcountExamples[] = {
    {"SET greeting Hello", "OK"},
    {"OBJECT REFCOUNT greeting", "(integer) 1"},
};

Status RunRefcount(Context& context, const Args& args) {
  if (context.store.Inspect(args.key, context.now_ms) == nullptr) {
    context.reply.Null();
  } else {
    context.reply.Integer(1);
  }
  return {};
}

constexpr Command kRefcount = Define<kGrammar, RunRefcount>(
    SpecOf("object|refcount", "Returns 1 for a key that exists: values are never shared", "2.2.3",
           kRefcountExamples));

constexpr const Command* kParts[] = {&kEncoding, &kFreq, &kIdletime, &kRefcount};

constexpr Spec kSpec{
    .name = "object",
    .group = Group::kGeneric,
    .summary = "Tells how a value is kept",
    .since = "2.2.3",
    .complexity = "O(1)",
    .flags = 0,
    .scope = Scope::kKey,
    .examples = {},
};

}  // namespace

extern const Command kObject;
constexpr Command kObject = DefineContainer<kObject>(kSpec, kParts);

}  // namespace ampt
