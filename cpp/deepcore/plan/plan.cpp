#include "deepcore/plan/plan.h"

#include <chrono>
#include <cstring>
#include <mutex>

#include "deepcore/core/fork.h"
#include "deepcore/core/switches.h"
#include "deepcore/graph/fault.h"
#include "deepcore/graph/variable.h"
#include "deepcore/plan/hazards.h"
#include "deepcore/plan/memory.h"
#include "deepcore/plan/passes.h"
#include "deepcore/plan/setup.h"

namespace deepcore {

namespace {

std::shared_ptr<Graph> prepare(const Graph& graph, const Backend& backend, bool optimize) {
  auto with = [&](FastPath path) { return optimize && enabled(path); };
  std::shared_ptr<Graph> now = simplify(graph, backend, with(FastPath::kSimplify));
  if (with(FastPath::kFuseEpilogues)) now = fuse_epilogues(*now, backend);
  if (with(FastPath::kFuseElementwise)) now = fuse_elementwise(*now);
  now = order_updates(*now);
  now->verify();
  return now;
}

// A run estimated below so many ns stays on its caller's thread. Waking a sleeping helper takes
// 5 us and more, a barrier 0.7; a batch of one sample through an MLP is 5 us of work.
constexpr double kSmall = 15'000;

Runner copy_runner(std::size_t bytes) {
  return {{{1,
            [bytes](const Call& call, std::int64_t, void*) {
              if (bytes > 0) std::memcpy(call.out[0], call.in[0], bytes);
            }}},
          0,
          0};
}

}  // namespace

struct Plan::State {
  const Backend& backend;
  std::shared_ptr<Graph> graph;
  Types inputs, results;
  Layout layout;
  Buffer arena;
  std::vector<Buffer> kept;  // workspaces that hold what a setup made
  ForkSafeMutex busy;

  // What the steps' pointers are resolved from: slot s of `pointers` is one operand of one step.
  std::vector<void*> pointers;
  struct Patch {
    std::size_t slot;
    Place place;
  };
  std::vector<Patch> patches;  // the slots whose memory changes from run to run
  std::vector<Step> steps;
  std::vector<std::pair<Types, Types>> step_types;
  std::vector<Access> accesses;      // of each step, for hazards
  std::vector<std::size_t> node_of;  // of each step; nodes.size() for moves
  std::vector<Tensor> held;          // the variables' values while running
  bool small = false;                // one thread is sooner done than two have met

  State(const Graph& traced, const Backend& device, bool optimize)
      : backend(device), graph(prepare(traced, device, optimize)) {
    for (Value v : graph->inputs) inputs.push_back(graph->values[v]);
    for (Value v : graph->outputs) results.push_back(graph->values[v]);
    make_steps(optimize && enabled(FastPath::kPackOnce));
    set_waits(steps, accesses);
    run_setups(backend, *graph, steps, node_of);
    small = nanoseconds() < kSmall;
  }

  // Roughly, on one thread and in its cache: 50 GFLOP/s and 50 GB/s.
  double nanoseconds() const {
    double flops = static_cast<double>(graph->flops()), bytes = 0;
    for (const auto& [in, out] : step_types)
      for (const Types* list : {&in, &out})
        for (const Type& type : *list) bytes += static_cast<double>(type.bytes());
    return (flops + bytes) / 50;
  }

  Types types(const std::vector<Value>& values) const {
    Types t;
    for (Value v : values) t.push_back(graph->values[v]);
    return t;
  }

  void make_steps(bool pack_once) {
    std::vector<Runner> runners;
    std::vector<std::size_t> workspaces;
    for (const Node& node : graph->nodes) {
      Runner runner;
      if (!node.op->traits().view) {
        std::optional<Runner> made = backend.runner(*node.op, types(node.in), types(node.out),
                                                    pack_once ? constants_of(node, *graph) : 0);
        require(made.has_value(), node.op->name(),
                "the planner made an op that the backend does not run");
        runner = std::move(*made);
      }
      workspaces.push_back(runner.setup.empty() ? runner.workspace : 0);
      runners.push_back(std::move(runner));
    }
    layout = place(*graph, workspaces);
    arena = backend.allocate(layout.arena_bytes);

    std::vector<std::pair<std::size_t, std::size_t>>
        slots;  // first input and first output of each step
    for (std::size_t i = 0; i < graph->nodes.size(); ++i) {
      const Node& node = graph->nodes[i];
      if (node.op->traits().view) continue;
      Access access;
      slots.emplace_back(pointers.size(), pointers.size() + node.in.size());
      for (Value v : node.in) add_slot(layout.places[v], graph->values[v].bytes(), false, access);
      for (Value v : node.out) add_slot(layout.places[v], graph->values[v].bytes(), true, access);
      void* workspace = nullptr;
      if (!runners[i].setup.empty()) {
        workspace = kept.emplace_back(backend.allocate(runners[i].workspace)).data();
      } else if (runners[i].workspace > 0) {
        workspace = at(layout.workspaces[i]);
        access.add({Place::Kind::kArena, layout.workspaces[i]}, runners[i].workspace, true);
      }
      steps.push_back({std::move(runners[i]), nullptr, nullptr, workspace, true, node.op});
      step_types.emplace_back(types(node.in), types(node.out));
      accesses.push_back(std::move(access));
      node_of.push_back(i);
    }
    for (const Move& move : layout.moves) {
      const bool aside = move.to.kind == Place::Kind::kNone;
      const std::size_t bytes = bytes_of(move);
      Access access;
      slots.emplace_back(pointers.size(), pointers.size() + 1);
      add_slot(layout.places[move.from], bytes, false, access);
      add_slot(aside ? layout.places[move.to.at] : move.to, bytes, true, access);
      steps.push_back({copy_runner(bytes), nullptr, nullptr, nullptr, true, nullptr});
      const Type copied{DType::kUInt8, Shape{static_cast<std::int64_t>(bytes)}};
      step_types.push_back({{copied}, {copied}});
      accesses.push_back(std::move(access));
      node_of.push_back(graph->nodes.size());
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
      steps[i].in = pointers.data() + slots[i].first;
      steps[i].out = pointers.data() + slots[i].second;
      steps[i].in_types = &step_types[i].first;
      steps[i].out_types = &step_types[i].second;
    }
  }

  std::size_t bytes_of(const Move& move) const {
    if (move.to.kind == Place::Kind::kVariable)
      return graph->reads[move.to.at].first->type().bytes();
    return graph->values[move.from].bytes();
  }

  void* at(std::size_t offset) const { return static_cast<std::byte*>(arena.data()) + offset; }

  void add_slot(const Place& place, std::size_t bytes, bool write, Access& access) {
    void* pointer = nullptr;
    switch (place.kind) {
      case Place::Kind::kArena:
        pointer = at(place.at);
        break;
      case Place::Kind::kConstant:
        pointer = graph->constants[place.at].second.data();
        break;
      default:
        patches.push_back({pointers.size(), place});
    }
    pointers.push_back(pointer);
    access.add(place, bytes, write);
  }

  // Written variables get memory of their own first, so that snapshots keep their values.
  void hold_variables() {
    for (const auto& write : graph->writes) {
      Variable& variable = *write.first;
      if (variable.stored().unique()) continue;
      const Type& type = variable.type();
      Buffer copy = backend.allocate(type.bytes());
      if (type.bytes() > 0) std::memcpy(copy.data(), variable.stored().data(), type.bytes());
      variable.store(Tensor(type, std::move(copy)));
    }
    held.clear();
    for (const auto& read : graph->reads) held.push_back(read.first->stored());
  }

  template <class InputPointer, class ResultPointer>
  void resolve(const InputPointer& input, const ResultPointer& result) {
    for (const Patch& patch : patches) {
      void*& slot = pointers[patch.slot];
      if (patch.place.kind == Place::Kind::kInput)
        slot = input(patch.place.at);
      else if (patch.place.kind == Place::Kind::kResult)
        slot = result(patch.place.at);
      else
        slot = held[patch.place.at].data();
    }
  }

  void raise_stop(const Stop& stop, std::size_t first_step) {
    if (stop.fault == Fault::kNone) return;
    const Node& node = graph->nodes[node_of[stop.step - first_step]];
    raise(stop.fault, *node.op, types(node.in));
  }
};

Plan::Plan(const Graph& graph, const Backend& backend, bool optimize)
    : state_(std::make_unique<State>(graph, backend, optimize)) {}
Plan::~Plan() = default;

Tensors Plan::run(const Tensors& inputs) {
  const State& s = *state_;
  require(inputs.size() == s.inputs.size(), "plan", "expected ", s.inputs.size(), " inputs, got ",
          inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    require(inputs[i].type() == s.inputs[i] && !inputs[i].is_symbolic(), "plan", "input ", i,
            " must be ", s.inputs[i], ", got ", inputs[i].type());
  Tensors results;
  std::vector<const void*> from;
  std::vector<void*> to;
  for (const Tensor& input : inputs) from.push_back(input.data());
  for (const Type& type : s.results) {
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
  const Stop stop =
      s.backend.execute(s.steps, [&] { return std::exchange(first, false); }, s.small);
  s.held.clear();
  s.raise_stop(stop, 0);
}

std::int64_t Plan::run_batches(const Batches& b) {
  State& s = *state_;
  require(b.sources.size() == s.inputs.size(), "plan", "expected ", s.inputs.size(),
          " sources, got ", b.sources.size());
  require(b.sinks.size() == s.results.size(), "plan", "expected ", s.results.size(),
          " outputs, got ", b.sinks.size());
  require(b.batch >= 0 && b.steps >= 0 && b.start >= 0, "plan",
          "start, batch and steps must not be negative");
  const std::int64_t last = b.start + b.batch * b.steps;
  if (b.order)
    require<IndexError>(last <= std::ssize(*b.order), "plan", b.steps, " batches of ", b.batch,
                        " rows from ", b.start, " pass the end of an order of ", b.order->size());
  for (std::size_t i = 0; i < b.sources.size(); ++i) {
    const Source& source = b.sources[i];
    Shape expected = s.inputs[i].shape;
    require(expected.rank() >= 1 && expected[0] == b.batch, "plan", "input ", i, " takes ",
            s.inputs[i], ", the batch has ", b.batch, " rows");
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
    require(s.results[i].shape.rank() >= 1 && s.results[i].shape[0] == b.batch &&
                last <= b.sinks[i].rows,
            "plan", "output ", i, " of ", b.sinks[i].rows, " rows does not hold rows up to ", last,
            " of ", s.results[i]);

  std::lock_guard lock(s.busy);
  Cursor cursor{b.order ? b.order->data() : nullptr, b.start};
  std::vector<void*> feed_slots(b.sources.size());
  std::vector<Types> feed_types(b.sources.size());
  std::vector<Step> steps;
  std::vector<Access> accesses;
  for (std::size_t i = 0; i < b.sources.size(); ++i) {
    feed_slots[i] = s.at(s.layout.feeds[i]);
    feed_types[i] = {s.inputs[i]};
    steps.push_back({feed_runner(b.sources[i], s.inputs[i], &cursor), nullptr, &feed_slots[i],
                     nullptr, true, nullptr, &feed_types[i], &feed_types[i]});
    accesses.emplace_back();
    accesses.back().add({Place::Kind::kArena, s.layout.feeds[i]}, s.inputs[i].bytes(), true);
  }
  for (std::size_t i = 0; i < s.steps.size(); ++i) {
    steps.push_back(s.steps[i]);
    accesses.push_back(s.accesses[i].with_inputs_at(s.layout.feeds));
  }
  set_waits(steps, accesses);

  s.hold_variables();
  auto result = [&](std::size_t i) -> void* {
    const std::size_t row =
        s.results[i].bytes() / static_cast<std::size_t>(std::max<std::int64_t>(1, b.batch));
    return static_cast<std::byte*>(b.sinks[i].data) + row * static_cast<std::size_t>(cursor.row);
  };
  auto input = [&](std::size_t i) { return feed_slots[i]; };
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(b.seconds));
  std::int64_t begun = 0;
  const Stop stop = s.backend.execute(steps, [&] {
    if (begun == b.steps || (begun > 0 && b.seconds > 0 && Clock::now() > until)) return false;
    cursor.row = b.start + b.batch * begun;
    if (begun == 0 || !b.sinks.empty()) s.resolve(input, result);
    ++begun;
    return true;
  });
  s.held.clear();
  s.raise_stop(stop, b.sources.size());
  return begun;
}

const Types& Plan::input_types() const { return state_->inputs; }
const Types& Plan::result_types() const { return state_->results; }
std::size_t Plan::arena_bytes() const { return state_->layout.arena_bytes; }
std::int64_t Plan::flops() const { return state_->graph->flops(); }

std::string Plan::str() const {
  const State& s = *state_;
  static constexpr const char* kNames[] = {"nowhere", "arena",    "input",
                                           "result",  "variable", "constant"};
  std::ostringstream out;
  auto where = [&](Value v) {
    const Place& p = s.layout.places[static_cast<std::size_t>(v)];
    return join(kNames[static_cast<int>(p.kind)], p.kind == Place::Kind::kArena ? "+" : " ", p.at,
                ":", s.graph->values[static_cast<std::size_t>(v)]);
  };
  for (std::size_t i = 0; i < s.steps.size(); ++i) {
    const Step& step = s.steps[i];
    out << (step.wait ? "| " : "  ");
    if (!step.op) {
      out << "copy\n";
      continue;
    }
    const Node& node = s.graph->nodes[s.node_of[i]];
    out << step.op->str() << " (";
    for (std::size_t k = 0; k < node.in.size(); ++k) out << (k ? ", " : "") << where(node.in[k]);
    out << ") -> (";
    for (std::size_t k = 0; k < node.out.size(); ++k) out << (k ? ", " : "") << where(node.out[k]);
    out << ")";
    for (const Phase& phase : step.runner.phases) out << ' ' << phase.tasks;
    out << '\n';
  }
  out << "arena " << s.layout.arena_bytes << " bytes\n";
  return out.str();
}

}  // namespace deepcore
