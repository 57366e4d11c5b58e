#include "deepcore/plan/lowered.h"

#include <algorithm>
#include <cstring>

#include "deepcore/core/switches.h"
#include "deepcore/graph/variable.h"
#include "deepcore/plan/loops.h"
#include "deepcore/plan/passes.h"
#include "deepcore/plan/setup.h"

namespace deepcore {

namespace {

std::shared_ptr<Graph> prepare(const Graph& graph, const Backend& backend, bool optimize) {
  auto with = [&](FastPath path) { return optimize && enabled(path); };
  std::shared_ptr<Graph> now = tidy_loops(graph);
  if (with(FastPath::kSparseUpdates)) now = sparse_updates(*now, backend);
  now = simplify(*now, backend, with(FastPath::kSimplify));
  if (with(FastPath::kRecurrent)) now = share_kernel_grads(*now, backend);
  if (with(FastPath::kFuseEpilogues)) now = fuse_epilogues(*now, backend);
  if (with(FastPath::kFuseElementwise)) now = fuse_elementwise(*now);
  now = order_updates(*now);
  now->verify();
  return now;
}

Runner copy_runner(std::size_t bytes) {
  return {{{1,
            [bytes](const Call& call, std::int64_t, void*) {
              if (bytes > 0) std::memcpy(call.out[0], call.in[0], bytes);
            }}},
          0,
          0};
}

}  // namespace

Lowered::Lowered(const Graph& traced, const Backend& backend, bool optimize)
    : backend_(backend), graph_(prepare(traced, backend, optimize)) {
  const bool pack_once = optimize && enabled(FastPath::kPackOnce);
  for (Value v : graph_->inputs) inputs_.push_back(graph_->values[v]);
  for (Value v : graph_->outputs) results_.push_back(graph_->values[v]);
  std::vector<std::size_t> workspaces;
  bodies_.resize(graph_->nodes.size());
  for (std::size_t i = 0; i < graph_->nodes.size(); ++i) {
    const Node& node = graph_->nodes[i];
    Runner runner;
    if (node.op->traits().bodies) {
      for (const GraphPtr& body : bodies_of(*node.op)) {
        bodies_[i].push_back(std::make_unique<Lowered>(*body, backend, optimize));
        runner.workspace = std::max(runner.workspace, bodies_[i].back()->layout().arena_bytes);
      }
      runner.workspace += aside_bytes(*node.op, types(node.in));
    } else if (!node.op->traits().view) {
      std::optional<Runner> made = backend.runner(*node.op, types(node.in), types(node.out),
                                                  pack_once ? constants_of(node, *graph_) : 0);
      require(made.has_value(), node.op->name(),
              "the planner made an op that the backend does not run");
      runner = std::move(*made);
    }
    workspaces.push_back(runner.setup.empty() ? runner.workspace : 0);
    runners_.push_back(std::move(runner));
  }
  layout_ = place(*graph_, workspaces);
}

Lowered::~Lowered() = default;

Types Lowered::types(const std::vector<Value>& values) const {
  Types t;
  for (Value v : values) t.push_back(graph_->values[v]);
  return t;
}

void Lowered::place_at(void* arena) {
  arena_ = arena;
  for (std::size_t i = 0; i < graph_->nodes.size(); ++i)
    if (!graph_->nodes[i].op->traits().view) add_node(graph_->nodes[i], i);
  for (const Move& move : layout_.moves) add_move(move);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    steps_[i].in = pointers_.data() + slots_[i].first;
    steps_[i].out = pointers_.data() + slots_[i].second;
    steps_[i].in_types = &step_types_[i].first;
    steps_[i].out_types = &step_types_[i].second;
  }
  set_waits(steps_, accesses_);
  std::vector<std::size_t> node_of;
  for (const Source& source : sources_) node_of.push_back(source.node);
  run_setups(backend_, *graph_, steps_, node_of);
}

void Lowered::add_node(const Node& node, std::size_t number) {
  Access access;
  const std::pair slots(pointers_.size(), pointers_.size() + node.in.size());
  for (Value v : node.in) add_slot(layout_.places[v], graph_->values[v].bytes(), false, access);
  for (Value v : node.out) add_slot(layout_.places[v], graph_->values[v].bytes(), true, access);
  Runner& runner = runners_[number];
  void* workspace = nullptr;
  if (!runner.setup.empty()) {
    workspace = kept_.emplace_back(backend_.allocate(runner.workspace)).data();
  } else if (runner.workspace > 0) {
    workspace = at(layout_.workspaces[number]);
    access.add({Place::Kind::kArena, layout_.workspaces[number]}, runner.workspace, true);
  }
  const auto add = [&](Step step, const Lowered* body) {
    step.workspace = workspace;
    step.op = node.op;
    steps_.push_back(std::move(step));
    step_types_.emplace_back(types(node.in), types(node.out));
    accesses_.push_back(access);
    slots_.push_back(slots);
    sources_.push_back({number, body});
  };
  if (!node.op->traits().bodies) return add({.runner = std::move(runner)}, nullptr);
  // One list of steps a body: each branch of two, of which one runs.
  for (std::size_t b = 0; b < bodies_[number].size(); ++b) {
    Lowered& body = *bodies_[number][b];
    // What a loop keeps aside lies before the arena of its body.
    body.place_at(static_cast<std::byte*>(workspace) + aside_bytes(*node.op, types(node.in)));
    add({.loop = make_loop(*node.op, b, body)}, &body);
  }
}

void Lowered::add_move(const Move& move) {
  const bool aside = move.to.kind == Place::Kind::kNone;
  const std::size_t bytes = move.to.kind == Place::Kind::kVariable
                                ? graph_->reads[move.to.at].first->type().bytes()
                                : graph_->values[move.from].bytes();
  Access access;
  slots_.emplace_back(pointers_.size(), pointers_.size() + 1);
  add_slot(layout_.places[move.from], bytes, false, access);
  add_slot(aside ? layout_.places[move.to.at] : move.to, bytes, true, access);
  steps_.push_back({.runner = copy_runner(bytes)});
  const Type copied{DType::kUInt8, Shape{static_cast<std::int64_t>(bytes)}};
  step_types_.push_back({{copied}, {copied}});
  accesses_.push_back(std::move(access));
  sources_.push_back({graph_->nodes.size()});
}

void Lowered::add_slot(const Place& place, std::size_t bytes, bool write, Access& access) {
  void* pointer = nullptr;
  switch (place.kind) {
    case Place::Kind::kArena:
      pointer = at(place.at);
      break;
    case Place::Kind::kConstant:
      pointer = graph_->constants[place.at].second.data();
      break;
    default:
      patches_.push_back({pointers_.size(), place});
  }
  pointers_.push_back(pointer);
  access.add(place, bytes, write);
}

// 50 GFLOP/s and 50 GB/s.
double Lowered::nanoseconds() const {
  double total = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (step.loop) {
      total += static_cast<double>(step.loop->rounds) * sources_[i].body->nanoseconds();
      continue;
    }
    const auto& [in, out] = step_types_[i];
    double work = step.op ? static_cast<double>(step.op->flops(in, out)) : 0;
    for (const Types* list : {&in, &out})
      for (const Type& type : *list) work += static_cast<double>(type.bytes());
    total += work / 50;
  }
  return total;
}

std::string Lowered::str(int indent) const {
  static constexpr const char* kNames[] = {"nowhere", "arena",    "input",
                                           "result",  "variable", "constant"};
  std::ostringstream out;
  auto where = [&](Value v) {
    const Place& p = layout_.places[static_cast<std::size_t>(v)];
    return join(kNames[static_cast<int>(p.kind)], p.kind == Place::Kind::kArena ? "+" : " ", p.at,
                ":", graph_->values[static_cast<std::size_t>(v)]);
  };
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    out << std::string(static_cast<std::size_t>(indent), ' ') << (step.wait ? "| " : "  ");
    if (!step.op) {
      out << "copy\n";
      continue;
    }
    const Node& node = graph_->nodes[sources_[i].node];
    out << step.op->str() << " (";
    for (std::size_t k = 0; k < node.in.size(); ++k) out << (k ? ", " : "") << where(node.in[k]);
    out << ") -> (";
    for (std::size_t k = 0; k < node.out.size(); ++k) out << (k ? ", " : "") << where(node.out[k]);
    out << ")";
    for (const Phase& phase : step.runner.phases) out << ' ' << phase.tasks;
    out << '\n';
    if (step.loop) out << sources_[i].body->str(indent + 4);
  }
  return out.str();
}

}  // namespace deepcore
