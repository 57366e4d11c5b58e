// Plans d(sum(x * x)) / dx and runs it.
#include <cstdio>

#include "deepcore/cpu/backend.h"
#include "deepcore/graph/tape.h"
#include "deepcore/graph/trace.h"
#include "deepcore/ops/gradients.h"
#include "deepcore/ops/ops.h"
#include "deepcore/plan/plan.h"

int main() {
  using namespace deepcore;
  use_cpu_backend();
  const Type type{DType::kFloat32, Shape{3}};
  std::shared_ptr<Graph> graph;
  {
    Trace trace;
    Tape tape;
    const Tensor x = trace.input(type);
    tape.start();
    tape.watch(x);
    const Tensor y = sum_all(x * x);
    tape.stop();
    graph = trace.finish(gradients(tape.records(), {y}, {}, {x}));
  }
  Plan plan(*graph, backend());
  const float got = plan.run({full(Shape{3}, 1.5, DType::kFloat32)})[0].data<float>()[2];
  std::printf("%g\n", got);
  return got == 3.0f ? 0 : 1;
}
