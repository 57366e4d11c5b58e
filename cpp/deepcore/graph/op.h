// Op: a kind of computation with its settings. Immutable, shared, compared by value.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <typeinfo>

#include "deepcore/graph/tensor.h"

namespace deepcore {

struct Traits {
  bool elementwise =
      false;  // output element i depends on input elements i alone (after broadcasting)
  bool in_place =
      false;             // output k may overwrite input k, when types agree and the input ends here
  int apart = 0;         // the last so many outputs are none of that, and lie over no input
  bool effect = false;   // must not be removed, merged or folded
  bool view = false;     // output 0 is input 0's memory under another shape (reshape)
  bool bodies = false;   // holds graphs: the planner makes steps of them, or composes
  bool partial = false;  // vjp takes undefined gradients, of outputs that nobody used
};

class Op {
 public:
  virtual ~Op() = default;
  virtual std::string_view name() const = 0;
  // The shape rule and every user-facing check.
  virtual Types infer(const Types& in) const = 0;
  // The gradient for each input, as ordinary ops; undefined where there is none (integers, keys).
  // `grad` has one entry an output, never undefined unless the op is `partial`. Broadcasting is
  // undone by the walker.
  // The default differentiates the definition.
  virtual Tensors vjp(const Tensors& in, const Tensors& out, const Tensors& grad) const;
  // The definition in simpler ops; a primitive has none and returns {}.
  virtual Tensors compose(const Tensors&) const { return {}; }
  virtual Traits traits() const { return {}; }
  // Multiplies and adds of matmuls and convolutions; 0 for everything else.
  virtual std::int64_t flops(const Types&, const Types&) const { return 0; }
  virtual bool equal(const Op& other) const = 0;
  virtual std::string str() const = 0;  // name and fields: "conv(strides=[1, 1], ...)"
};
using OpPtr = std::shared_ptr<const Op>;

// How a field is printed: with <<, and the standard types that have none.
template <class T>
std::string field_text(const T& field) {
  return join(field);
}
inline std::string field_text(bool field) { return field ? "true" : "false"; }
inline std::string field_text(const std::array<int, 2>& field) {
  return join("[", field[0], ", ", field[1], "]");
}
inline std::string field_text(const std::optional<std::int64_t>& field) {
  return field ? join(*field) : "none";
}

// Gives an op its name, equality and printing from `kName` and `fields()`, a std::tie of its
// members. Every field must have == and field_text.
template <class T>
class OpOf : public Op {
 public:
  std::string_view name() const override { return T::kName; }
  bool equal(const Op& other) const override {
    return typeid(other) == typeid(T) &&
           static_cast<const T&>(*this).fields() == static_cast<const T&>(other).fields();
  }
  std::string str() const override {
    std::string text(T::kName);
    std::apply(
        [&]([[maybe_unused]] const auto&... field) {
          [[maybe_unused]] const char* sep = "(";
          ((text += sep, text += field_text(field), sep = ", "), ...);
          if (sizeof...(field) > 0) text += ")";
        },
        static_cast<const T&>(*this).fields());
    return text;
  }
  std::tuple<> fields() const { return {}; }
};

}  // namespace deepcore
