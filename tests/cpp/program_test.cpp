// The Program interpreter on random programs, one position at a time against all at once: no block,
// range, tail, alignment, pattern or output over an input may change a bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace baseline {
extern const Kernels table;
}

namespace {

std::vector<const Kernels*> tables() {
  std::vector<const Kernels*> all{&baseline::table};
  if (&kernels() != all[0]) all.push_back(&kernels());
  return all;
}

std::size_t size_of_element(Element e) { return e == Element::kBool || e == Element::kU8 ? 1 : 4; }

// A program over inputs of all patterns, with memory for its inputs and outputs.
class Case {
 public:
  explicit Case(unsigned seed) : random_(seed) {
    const bool wide = pick(1, 8) == 1;
    rows_ = pick(1, wide ? 3 : 30);
    columns_ = pick(1, wide ? 3000 : 50);
    program_.inputs = static_cast<std::uint8_t>(pick(1, 4));
    program_.n_constants = static_cast<std::uint8_t>(pick(0, 2));
    for (int i = 0; i < program_.n_constants; ++i)
      program_.constants[i] = static_cast<float>(pick(-3, 3)) / 2;
    for (int i = 0; i < program_.inputs; ++i) add_input(i);
    const int first = program_.inputs + program_.n_constants, temporaries = pick(1, 5);
    program_.registers = static_cast<std::uint8_t>(first + temporaries);
    program_.instrs = static_cast<std::uint8_t>(pick(temporaries, 12));
    for (int i = 0; i < program_.instrs; ++i) {
      // Only what has been written is read; every temporary is written.
      const int readable = first + std::min(i, temporaries);
      const int out = first + (i < temporaries ? i : pick(0, temporaries - 1));
      const auto reg = [&] { return static_cast<std::uint8_t>(pick(0, readable - 1)); };
      program_.code[i] = {kind(), static_cast<std::uint8_t>(out), reg(), reg(), reg()};
    }
    program_.outputs = static_cast<std::uint8_t>(pick(1, 3));
    for (int k = 0; k < program_.outputs; ++k) {
      program_.output_register[k] = static_cast<std::uint8_t>(pick(0, program_.registers - 1));
      program_.output_element[k] = static_cast<Element>(pick(1, 3) == 1 ? pick(0, 3) : 0);
    }
  }

  // One position a call, nothing shared.
  std::vector<std::vector<char>> one_by_one(const Kernels& table) {
    auto inputs = inputs_;
    std::vector<std::vector<char>> outputs = fresh_outputs();
    for (std::int64_t i = 0; i < count(); ++i) run(table, inputs, outputs, {}, i, i + 1);
    return outputs;
  }
  // In a few ranges, with some outputs over inputs.
  std::vector<std::vector<char>> at_once(const Kernels& table) {
    auto inputs = inputs_;
    std::vector<std::vector<char>> outputs = fresh_outputs();
    std::vector<int> over(static_cast<std::size_t>(program_.outputs), -1);
    for (int k = 0; k < program_.outputs; ++k)
      for (int j = 0; j < program_.inputs; ++j)
        if (operands_[j].pattern == Pattern::kFull &&
            operands_[j].element == program_.output_element[k] &&
            std::find(over.begin(), over.end(), j) == over.end() && pick(0, 1) == 1)
          over[static_cast<std::size_t>(k)] = j;
    std::int64_t cut = pick(0, 1) == 0 ? 0 : pick(0, static_cast<int>(count()));
    run(table, inputs, outputs, over, 0, cut);
    run(table, inputs, outputs, over, cut, count());
    for (std::size_t k = 0; k < over.size(); ++k)
      if (over[k] >= 0) outputs[k] = inputs[static_cast<std::size_t>(over[k])];
    return outputs;
  }

 private:
  static constexpr std::size_t kShift = 4;  // bytes: misaligned for every vector

  std::int64_t count() const { return std::int64_t{rows_} * columns_; }
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  Kind kind() {
    constexpr Kind kKinds[] = {Kind::kAdd,    Kind::kSubtract, Kind::kMultiply, Kind::kMaximum,
                               Kind::kSelect, Kind::kLess,     Kind::kTanh,     Kind::kNegative,
                               Kind::kSquare, Kind::kSin,      Kind::kExp,      Kind::kIsFinite,
                               Kind::kPower,  Kind::kMod,      Kind::kSoftplus};
    return kKinds[pick(0, std::size(kKinds) - 1)];
  }

  void add_input(int i) {
    Operand& o = operands_[i];
    o = {};
    o.pattern = static_cast<Pattern>(pick(1, 2) == 1 ? 0 : pick(0, 4));
    o.element = static_cast<Element>(pick(1, 3) == 1 ? pick(0, 3) : 0);
    o.period = columns_;
    std::int64_t elements = count();
    if (o.pattern == Pattern::kScalar) elements = 1;
    if (o.pattern == Pattern::kSuffix) elements = columns_;
    if (o.pattern == Pattern::kPrefix) elements = rows_;
    if (o.pattern ==
        Pattern::kStrided) {  // a transposed matrix: not what broadcasting makes, but stricter
      o.rank = 2;
      o.size[0] = rows_, o.size[1] = columns_;
      o.stride[0] = 1, o.stride[1] = rows_;
    }
    program_.input_element[i] = o.element;
    std::vector<char> bytes(
        kShift + static_cast<std::size_t>(elements) * size_of_element(o.element) + kShift);
    for (std::int64_t e = 0; e < elements; ++e) {
      char* to = bytes.data() + kShift + static_cast<std::size_t>(e) * size_of_element(o.element);
      const float f = static_cast<float>(pick(-4000, 4000)) / 1000;
      const std::int32_t n = pick(-100, 100);
      const char small = static_cast<char>(o.element == Element::kBool ? pick(0, 1) : pick(0, 255));
      if (o.element == Element::kF32) std::memcpy(to, &f, 4);
      if (o.element == Element::kI32) std::memcpy(to, &n, 4);
      if (size_of_element(o.element) == 1) *to = small;
    }
    inputs_.push_back(std::move(bytes));
  }

  std::vector<std::vector<char>> fresh_outputs() const {
    std::vector<std::vector<char>> outputs;
    for (int k = 0; k < program_.outputs; ++k) {
      const std::size_t bytes =
          static_cast<std::size_t>(count()) * size_of_element(program_.output_element[k]);
      outputs.emplace_back(kShift + bytes + kShift);  // with canaries: both ways must leave them
    }
    return outputs;
  }

  void run(const Kernels& table, std::vector<std::vector<char>>& inputs,
           std::vector<std::vector<char>>& outputs, const std::vector<int>& over,
           std::int64_t begin, std::int64_t end) {
    std::vector<const void*> in;
    std::vector<void*> out;
    for (auto& bytes : inputs) in.push_back(bytes.data() + kShift);
    for (std::size_t k = 0; k < outputs.size(); ++k)
      out.push_back(
          (!over.empty() && over[k] >= 0 ? inputs[static_cast<std::size_t>(over[k])] : outputs[k])
              .data() +
          kShift);
    table.elementwise.run(program_, operands_, in.data(), out.data(), begin, end, scratch_.data());
    for (std::size_t i = kProgramScratch; i < scratch_.size(); ++i) ASSERT_EQ(scratch_[i], -7.5f);
  }

  std::mt19937 random_;
  int rows_, columns_;
  Program program_{};
  Operand operands_[Program::kMaxInputs];
  std::vector<std::vector<char>> inputs_;
  std::vector<float> scratch_ = std::vector<float>(kProgramScratch + 8, -7.5f);
};

// The numbers of NaNs may differ: which operand's survives is the compiler's choice of operand
// order.
bool same(const std::vector<char>& a, const std::vector<char>& b, Element element) {
  if (element != Element::kF32) return a == b;
  for (std::size_t i = 0; i + 4 <= a.size(); i += 4) {
    float x, y;
    std::memcpy(&x, a.data() + i, 4);
    std::memcpy(&y, b.data() + i, 4);
    if (std::memcmp(&x, &y, 4) != 0 && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

TEST(Program, BitsDependOnNothingButTheNumbers) {
  for (const Kernels* table : tables())
    for (unsigned seed = 0; seed < 300; ++seed) {
      Case one(seed);
      const auto want = one.one_by_one(*table), got = one.at_once(*table);
      for (std::size_t k = 0; k < want.size(); ++k)
        ASSERT_TRUE(same(got[k], want[k], Element::kF32))
            << table->isa << ", seed " << seed << ", output " << k;
    }
}

TEST(Program, DropsDeadOutputsAndTakesEmptyRanges) {
  Program p{};
  p.inputs = 1;
  p.instrs = p.outputs = 2;
  p.registers = 3;
  p.code[0] = {Kind::kExp, 1, 0, 0, 0};
  p.code[1] = {Kind::kAdd, 2, 1, 0, 0};
  p.output_register[0] = 1;
  p.output_register[1] = 2;
  const Operand full{Pattern::kFull, Element::kF32, 1, 1, {}, {}};
  const std::vector<float> x(19, 0.0f);
  std::vector<float> y(19, 5.0f), scratch(kProgramScratch);
  const void* in[] = {x.data()};
  void* out[] = {nullptr, y.data()};
  for (const Kernels* table : tables()) {
    table->elementwise.run(p, &full, in, out, 3, 3, scratch.data());
    EXPECT_EQ(y[3], 5.0f);
    table->elementwise.run(p, &full, in, out, 0, 19, scratch.data());
    EXPECT_EQ(y, std::vector<float>(19, 1.0f));
    std::fill(y.begin(), y.end(), 5.0f);
  }
}

}  // namespace
}  // namespace deepcore
