#include "deepcore/plan/plan.h"

#include <chrono>
#include <cstring>
#include <mutex>

#include "deepcore/core/fork.h"
#include "deepcore/graph/fault.h"
#include "deepcore/graph/variable.h"
#include "deepcore/plan/lowered.h"

namespace deepcore {

namespace {

// A run estimated below so many ns stays on its caller's thread. Waking a sleeping helper takes
// 5 us and more, a barrier 0.7; a batch of one sample through an MLP is 5 us of work.
constexpr double kSmall = 15'000;

}  // namespace

struct Plan::State {
  const Backend& backend;
  Lowered lowered;
  Buffer arena;
  ForkSafeMutex busy;
  std::vector<Tensor> held;    // the variables' values while running
  bool small = false;          // one thread is sooner done than two have met
  Pace pace, pace_in_batches;  // of these steps, and of these behind feeds

  State(const Graph& traced, const Backend& device, bool optimize)
      : backend(device),
        lowered(traced, device, optimize),
        arena(device.allocate(lowered.layout().arena_bytes)) {
    lowered.place_at(arena.data());
    small = lowered.nanoseconds() < kSmall;
  }

  void* at(std::size_t offset) const { return static_cast<std::byte*>(arena.data()) + offset; }

  // Written variables get memory of their own first, so that snapshots keep their values.
  void hold_variables() {
    for (const auto& write : lowered.graph().writes) {
      Variable& variable = *write.first;
      if (variable.stored().unique()) continue;
      const Type& type = variable.type();
      Buffer copy = backend.allocate(type.bytes());
      if (type.bytes() > 0) std::memcpy(copy.data(), variable.stored().data(), type.bytes());
      variable.store(Tensor(type, std::move(copy)));
    }
    held.clear();
    for (const auto& read : lowered.graph().reads) held.push_back(read.first->stored());
  }

  template <class Inputs, class Results>
  void resolve(const Inputs& input, const Results& result) {
    lowered.resolve(input, result, [this](std::size_t i) -> void* { return held[i].data(); });
  }
};

void raise_stop(const Stop& stop) {
  if (stop.fault != Fault::kNone) raise(stop.fault, *stop.step->op, *stop.step->in_types);
}

Plan::Plan(const Graph& graph, const Backend& backend, bool optimize)
    : state_(std::make_unique<State>(graph, backend, optimize)) {}
Plan::~Plan() = default;

Tensors Plan::run(const Tensors& inputs) {
  const State& s = *state_;
  require(inputs.size() == s.lowered.inputs().size(), "plan", "expected ",
          s.lowered.inputs().size(), " inputs, got ", inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    require(inputs[i].type() == s.lowered.inputs()[i] && !inputs[i].is_symbolic(), "plan", "input ",
            i, " must be ", s.lowered.inputs()[i], ", got ", inputs[i].type());
  Tensors results;
  std::vector<const void*> from;
  std::vector<void*> to;
  for (const Tensor& input : inputs) from.push_back(input.data());
  for (const Type& type : s.lowered.results()) {
    results.emplace_back(type, s.backend.allocate(type.bytes()));
    to.push_back(results.back().data());
  }
  run(from.data(), to.data());
  return results;
}

void Plan::run(const void* const* inputs, void* const* results) {
  State& s = *state_;
  std::lock_guard lock(s.busy);
  s.hold_variables();
  s.resolve([&](std::size_t i) { return const_cast<void*>(inputs[i]); },
            [&](std::size_t i) { return results[i]; });
  bool first = true;
  const Stop stop = s.backend.execute(
      s.lowered.steps(), [&] { return std::exchange(first, false); }, s.small, &s.pace);
  s.held.clear();
  raise_stop(stop);
}

std::int64_t Plan::run_batches(const Batches& b) {
  State& s = *state_;
  require(b.sources.size() == s.lowered.inputs().size(), "plan", "expected ",
          s.lowered.inputs().size(), " sources, got ", b.sources.size());
  require(b.sinks.size() == s.lowered.results().size(), "plan", "expected ",
          s.lowered.results().size(), " outputs, got ", b.sinks.size());
  require(b.batch >= 0 && b.steps >= 0 && b.start >= 0, "plan",
          "start, batch and steps must not be negative");
  const std::int64_t last = b.start + b.batch * b.steps;
  if (b.order)
    require<IndexError>(last <= std::ssize(*b.order), "plan", b.steps, " batches of ", b.batch,
                        " rows from ", b.start, " pass the end of an order of ", b.order->size());
  for (std::size_t i = 0; i < b.sources.size(); ++i) {
    const Source& source = b.sources[i];
    Shape expected = s.lowered.inputs()[i].shape;
    require(expected.rank() >= 1 && expected[0] == b.batch, "plan", "input ", i, " takes ",
            s.lowered.inputs()[i], ", the batch has ", b.batch, " rows");
    expected.erase(0);
    require(source.row == expected, "plan", "source ", i, " has rows of shape ", source.row,
            ", expected ", expected);
    require<IndexError>(b.order || last <= source.rows, "plan", "source ", i, " has ", source.rows,
                        " rows, ", last, " are asked for");
    if (b.order)
      for (std::int64_t row : b.order->subspan(static_cast<std::size_t>(b.start),
                                               static_cast<std::size_t>(last - b.start)))
        require<IndexError>(row >= 0 && row < source.rows, "plan", "row ", row,
                            " is outside source ", i, " of ", source.rows, " rows");
  }
  for (std::size_t i = 0; i < b.sinks.size(); ++i)
    require(s.lowered.results()[i].shape.rank() >= 1 &&
                s.lowered.results()[i].shape[0] == b.batch && last <= b.sinks[i].rows,
            "plan", "output ", i, " of ", b.sinks[i].rows, " rows does not hold rows up to ", last,
            " of ", s.lowered.results()[i]);

  std::lock_guard lock(s.busy);
  Cursor cursor{b.order ? b.order->data() : nullptr, b.start};
  std::vector<void*> feed_slots(b.sources.size());
  std::vector<Types> feed_types(b.sources.size());
  std::vector<Step> steps;
  std::vector<Access> accesses;
  for (std::size_t i = 0; i < b.sources.size(); ++i) {
    feed_slots[i] = s.at(s.lowered.layout().feeds[i]);
    feed_types[i] = {s.lowered.inputs()[i]};
    steps.push_back({.runner = feed_runner(b.sources[i], s.lowered.inputs()[i], &cursor),
                     .out = &feed_slots[i],
                     .in_types = &feed_types[i],
                     .out_types = &feed_types[i]});
    accesses.emplace_back();
    accesses.back().add({Place::Kind::kArena, s.lowered.layout().feeds[i]},
                        s.lowered.inputs()[i].bytes(), true);
  }
  for (std::size_t i = 0; i < s.lowered.steps().size(); ++i) {
    steps.push_back(s.lowered.steps()[i]);
    accesses.push_back(s.lowered.accesses()[i].with_inputs_at(s.lowered.layout().feeds));
  }
  set_waits(steps, accesses);

  s.hold_variables();
  auto result = [&](std::size_t i) -> void* {
    const std::size_t row = s.lowered.results()[i].bytes() /
                            static_cast<std::size_t>(std::max<std::int64_t>(1, b.batch));
    return static_cast<std::byte*>(b.sinks[i].data) + row * static_cast<std::size_t>(cursor.row);
  };
  auto input = [&](std::size_t i) { return feed_slots[i]; };
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(b.seconds));
  std::int64_t begun = 0;
  const auto next = [&] {
    if (begun == b.steps || (begun > 0 && b.seconds > 0 && Clock::now() > until)) return false;
    cursor.row = b.start + b.batch * begun;
    if (begun == 0 || !b.sinks.empty()) s.resolve(input, result);
    ++begun;
    return true;
  };
  const Stop stop = s.backend.execute(steps, next, false, &s.pace_in_batches);
  s.held.clear();
  raise_stop(stop);
  return begun;
}

const Types& Plan::input_types() const { return state_->lowered.inputs(); }
const Types& Plan::result_types() const { return state_->lowered.results(); }
std::size_t Plan::arena_bytes() const { return state_->lowered.layout().arena_bytes; }
std::int64_t Plan::flops() const { return state_->lowered.graph().flops(); }
std::string Plan::str() const {
  return join(state_->lowered.str(), "arena ", arena_bytes(), " bytes\n");
}

}  // namespace deepcore
