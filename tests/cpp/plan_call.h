// Functions of tensors run eagerly, planned plainly and planned with every pass.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/apply.h"
#include "deepcore/graph/trace.h"
#include "deepcore/ops/ops.h"
#include "deepcore/plan/plan.h"

namespace deepcore::test {

using Function = std::function<Tensors(const Tensors&)>;

inline Tensor numbers(const Shape& shape, int seed) {
  Tensor t = full(shape, 0, DType::kFloat32);
  std::uint32_t x = static_cast<std::uint32_t>(seed) * 2654435761u + 1;
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    x = x * 1664525u + 1013904223u;
    t.data<float>()[i] = static_cast<float>(x >> 8) / static_cast<float>(1 << 23) - 1.0f;
  }
  return t;
}

inline std::shared_ptr<Graph> trace(const Function& f, const Tensors& like) {
  Trace t;
  Tensors in;
  for (const Tensor& x : like) in.push_back(t.input(x.type()));
  return t.finish(f(in));
}

inline void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.type(), b.type());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.type().bytes()), 0);
}

inline void expect_same_everywhere(const Function& f, const Tensors& in) {
  const Tensors eager = f(in);
  for (bool optimize : {false, true}) {
    Plan plan(*trace(f, in), backend(), optimize);
    for (int threads : {1, 3}) {
      force_team_size(threads);
      const Tensors planned = plan.run(in);
      force_team_size(0);
      for (std::size_t i = 0; i < eager.size(); ++i) expect_same_bits(planned[i], eager[i]);
    }
  }
}

inline std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

}  // namespace deepcore::test
