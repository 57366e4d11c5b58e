// Runners of the ops that only move elements: by the size of an element, for every dtype.
#include <algorithm>
#include <cstring>
#include <vector>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/strided.h"

namespace deepcore {
namespace {

constexpr std::int64_t kFillGrain = 65536;

Layout whole(const Shape& shape) { return {0, strides_of(shape)}; }

// Position begin + i * stride of a tensor of `shape`.
Layout stepped(const Shape& shape, const Dims& begin, const Dims& stride) {
  Layout layout = whole(shape);
  for (int i = 0; i < shape.rank(); ++i) {
    layout.begin += begin[i] * layout.strides[i];
    layout.strides[i] *= stride[i];
  }
  return layout;
}

Runner copy_runner(const Type& x, const Dims& size, const Layout& from, const Layout& to) {
  return {{StridedCopy(size_of(x.dtype), size, from, to).phase()}};
}

// Output 0 filled with the element that `value` finds in the call.
template <class F>
Phase fill_phase(const Type& y, F value) {
  const std::int64_t n = y.elements(), tasks = tasks_for(n, kFillGrain);
  return {tasks, [n, tasks, value, element = size_of(y.dtype)](const Call& call, std::int64_t task,
                                                               void*) {
            const Range r = piece(n, tasks, task);
            char* to = call.output<char>(0) + static_cast<std::size_t>(r.begin) * element;
            fill(to, r.end - r.begin, value(call), element);
          }};
}

constexpr std::uint64_t kZero = 0;  // of every dtype

// x: each input; y: all of them side by side. One phase: task t belongs to the last input that
// begins at or before it. Inputs of as many tasks whose rows lie between each other take turns: a
// thread then copies the same rows of each, as it made them and will read them.
Runner concat_runner(const Concat& op, const Types& in, const Type& y) {
  struct Part {
    StridedCopy copy;
    std::int64_t first, tasks;
  };
  std::vector<Part> parts;
  Dims begin = Dims::filled(y.shape.rank(), 0);
  const Dims one = Dims::filled(y.shape.rank(), 1);
  std::int64_t tasks = 0;
  bool turns = y.shape.elements(0, op.axis) > 1;
  for (const Type& x : in) {
    const StridedCopy copy(size_of(x.dtype), x.shape, whole(x.shape), stepped(y.shape, begin, one));
    begin[op.axis] += x.shape[op.axis];
    parts.push_back({copy, tasks, copy.tasks()});
    tasks += copy.tasks();
    turns = turns && copy.tasks() == parts[0].tasks;
  }
  return {{{tasks, [parts, turns](const Call& call, std::int64_t task, void*) {
              std::size_t i = parts.size() - 1;
              if (turns) {
                i = static_cast<std::size_t>(task) % parts.size();
                task /= std::ssize(parts);
              } else {
                while (parts[i].first > task || parts[i].tasks == 0) --i;
                task -= parts[i].first;
              }
              const Part& part = parts[i];
              part.copy.run(call.in[i], call.out[0], piece(part.copy.items(), part.tasks, task));
            }}}};
}

}  // namespace

void register_shaping(CpuBackend& backend) {
  using Result = std::optional<Runner>;
  backend.on<Reshape>([](const Reshape&, const Types& in, const Types&) -> Result {
    const Dims flat{in[0].elements()}, one{1};
    Phase phase = StridedCopy(size_of(in[0].dtype), flat, {0, one}, {0, one}).phase();
    // The planner makes it a view: then there is nothing to do.
    phase.run = [copy = phase.run](const Call& call, std::int64_t task, void* scratch) {
      if (call.in[0] != call.out[0]) copy(call, task, scratch);
    };
    return Runner{{phase}};
  });
  backend.on<Transpose>([](const Transpose& op, const Types& in, const Types& out) -> Result {
    const Dims strides = strides_of(in[0].shape);
    Layout from;
    for (std::int64_t axis : op.perm) from.strides.push_back(strides[static_cast<int>(axis)]);
    return copy_runner(in[0], out[0].shape, from, whole(out[0].shape));
  });
  backend.on<BroadcastTo>([](const BroadcastTo&, const Types& in, const Types& out) -> Result {
    const Shape& y = out[0].shape;
    return copy_runner(in[0], y, {0, broadcast_strides(in[0].shape, y)}, whole(y));
  });
  backend.on<Slice>([](const Slice& op, const Types& in, const Types& out) -> Result {
    return copy_runner(in[0], op.size, stepped(in[0].shape, op.begin, op.stride),
                       whole(out[0].shape));
  });
  backend.on<Unslice>([](const Unslice& op, const Types& in, const Types& out) -> Result {
    const Shape& x = in[0].shape;
    Runner runner = copy_runner(in[0], x, whole(x), stepped(op.shape, op.begin, op.stride));
    if (x.elements() != out[0].elements())
      runner.phases.insert(runner.phases.begin(),
                           fill_phase(out[0], [](const Call&) -> const void* { return &kZero; }));
    return runner;
  });
  backend.on<Pad>([](const Pad& op, const Types& in, const Types& out) -> Result {
    const Shape& x = in[0].shape;
    const Dims one = Dims::filled(x.rank(), 1);
    Runner runner = copy_runner(in[0], x, whole(x), stepped(out[0].shape, op.low, one));
    if (x.elements() != out[0].elements())
      runner.phases.insert(runner.phases.begin(),
                           fill_phase(out[0], [](const Call& call) { return call.in[1]; }));
    return runner;
  });
  backend.on<Concat>([](const Concat& op, const Types& in, const Types& out) -> Result {
    return concat_runner(op, in, out[0]);
  });
}

}  // namespace deepcore
