// What EVAL, EVALSHA and their read-only forms share: how they are called.
//
// Their words are read by hand: none or more keys follow their number, and behind them come
// arguments. In a cluster they run where their keys are.
#pragma once

#include "commands/grammar.h"
#include "commands/runner.h"

namespace ampt {

// With that usage and those arguments.
constexpr Command DefineEval(Spec spec, void (*execute)(Context&, Words), std::string (*usage)(),
                             std::vector<ArgumentDoc> (*arguments)()) {
  return {spec, {-3, {3, 3, 1, 2}, usage, arguments}, execute, {}};
}

inline std::vector<ArgumentDoc> EvalArguments(std::string_view first) {
  return {{std::string(first), "string", "", false, false, {}},
          {"numkeys", "integer", "", false, false, {}},
          {"key", "key", "", true, true, {}},
          {"arg", "string", "", true, true, {}}};
}

constexpr Command DefineEvalOfText(Spec spec, void (*execute)(Context&, Words)) {
  return DefineEval(
      spec, execute, [] { return std::string(" script numkeys [key ...] [arg ...]"); },
      [] { return EvalArguments("script"); });
}
constexpr Command DefineEvalOfDigest(Spec spec, void (*execute)(Context&, Words)) {
  return DefineEval(
      spec, execute, [] { return std::string(" sha1 numkeys [key ...] [arg ...]"); },
      [] { return EvalArguments("sha1"); });
}

}  // namespace ampt
