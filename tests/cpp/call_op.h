// Runs one op of the CPU backend on arrays of any types, in this thread: misaligned if asked, the
// tasks in either order, an output over its input if asked; canaries around all that is written.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "deepcore/cpu/backend.h"
#include "runner_call.h"

namespace deepcore::test {

struct Array {
  Type type;
  std::vector<unsigned char> bytes;

  template <class T>
  const T* data() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
  // The elements as doubles.
  std::vector<double> numbers() const {
    std::vector<double> out(static_cast<std::size_t>(type.elements()));
    dispatch(type.dtype, [&](auto zero) {
      using T = decltype(zero);
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(data<T>()[i]);
    });
    return out;
  }
};

inline Array array(const Shape& shape, const std::vector<double>& values,
                   DType dtype = DType::kFloat32) {
  Array a{{dtype, shape}, std::vector<unsigned char>(Type{dtype, shape}.bytes())};
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* to = reinterpret_cast<T*>(a.bytes.data());
    for (std::int64_t i = 0; i < shape.elements(); ++i)
      to[i] = static_cast<T>(values[static_cast<std::size_t>(i)]);
  });
  return a;
}

// Uniform in [low, high); whole numbers for the integers, even odds for bool.
inline Array random_array(const Shape& shape, unsigned seed, DType dtype = DType::kFloat32,
                          double low = -1, double high = 1) {
  std::mt19937 source(seed);
  std::uniform_real_distribution<double> draw(low, high);
  std::vector<double> values(static_cast<std::size_t>(shape.elements()));
  for (double& v : values) {
    v = draw(source);
    if (dtype == DType::kBool) v = v > (low + high) / 2;
    if (is_integer(dtype)) v = std::floor(v);
  }
  return array(shape, values, dtype);
}

struct How {
  std::size_t misalign = 0;  // bytes, of every pointer
  bool backwards = false;    // the tasks of each phase in the other order
  bool in_place = false;     // output 0 over input 0
};
struct Outcome {
  Array out;
  Fault fault = Fault::kNone;
};

inline Outcome call_op(const Op& op, const std::vector<Array>& in, const How& how = {}) {
  Types types;
  for (const Array& a : in) types.push_back(a.type);
  Types checked = types;  // the shape rules ask for wider indices; the runners take bytes too
  for (std::size_t i = 1; i < checked.size(); ++i)
    if (types[0].dtype != DType::kUInt8 && types[i].dtype == DType::kUInt8)
      checked[i].dtype = DType::kInt32;
  const Types outs = op.infer(checked);
  const auto runner = CpuBackend::instance().runner(op, types, outs);
  EXPECT_TRUE(runner.has_value()) << op.str();
  if (!runner) return {{outs[0], std::vector<unsigned char>(outs[0].bytes())}};
  const auto place = [&](const Guarded& g) { return static_cast<char*>(g.data()) + how.misalign; };

  std::vector<Guarded> inputs;
  std::vector<const void*> from;
  for (const Array& a : in) {
    inputs.emplace_back(a.bytes.size() + how.misalign);
    if (!a.bytes.empty()) std::memcpy(place(inputs.back()), a.bytes.data(), a.bytes.size());
    from.push_back(place(inputs.back()));
  }
  const Guarded y(outs[0].bytes() + how.misalign);
  const Guarded workspace(runner->workspace), scratch(runner->scratch);
  void* to = how.in_place ? place(inputs[0]) : place(y);
  std::atomic<int> fault{0};
  const Call call{from.data(), &to, workspace.data(), &fault};
  for (const Phase& phase : runner->phases)
    for (std::int64_t i = 0; i < phase.tasks; ++i)
      phase.run(call, how.backwards ? phase.tasks - 1 - i : i, scratch.data());

  (how.in_place ? inputs[0] : y).expect_intact("the output");
  workspace.expect_intact("the workspace");
  scratch.expect_intact("the scratch");
  Outcome result{{outs[0], {}}, static_cast<Fault>(fault.load())};
  const auto* bytes = static_cast<const unsigned char*>(to);
  result.out.bytes.assign(bytes, bytes + outs[0].bytes());
  return result;
}

// The same bits however it is run.
inline Outcome call_every_way(const Op& op, const std::vector<Array>& in, bool in_place = false) {
  const Outcome once = call_op(op, in);
  std::size_t odd = size_of(once.out.type.dtype);  // aligned for every element, no further
  for (const Array& a : in) odd = std::max(odd, size_of(a.type.dtype));
  for (const How& how : {How{odd, false, false}, How{0, true, false}, How{odd, true, in_place}})
    EXPECT_EQ(call_op(op, in, how).out.bytes, once.out.bytes) << op.str();
  return once;
}

// Every set of axes of a rank, sorted.
inline std::vector<Dims> axis_sets(int rank) {
  std::vector<Dims> sets;
  for (unsigned bits = 0; bits < 1u << rank; ++bits) {
    Dims axes;
    for (int i = 0; i < rank; ++i)
      if (bits >> i & 1) axes.push_back(i);
    sets.push_back(axes);
  }
  return sets;
}

// Odd sizes: none, one, and one below, at and above each vector width.
inline const std::vector<std::int64_t> kOddSizes = {0,  1,  2,  3,  7,  8,    9,
                                                    15, 16, 17, 31, 33, 1023, 1025};

}  // namespace deepcore::test
