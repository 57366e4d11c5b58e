#include "deepcore/graph/apply.h"

#include <algorithm>

#include "deepcore/graph/backend.h"
#include "deepcore/graph/fault.h"
#include "deepcore/graph/tape.h"
#include "deepcore/graph/trace.h"

namespace deepcore {

namespace {

const Backend* the_backend = nullptr;
RunBodies run_bodies = nullptr;

Tensors run_now(const OpPtr& op, const Tensors& in, const Types& types, const Types& out) {
  if (op->traits().view) return {Tensor(out[0], in[0].buffer())};
  if (op->traits().bodies && run_bodies) {
    SuspendTapes outer_op_is_recorded;
    return run_bodies(op, in);
  }
  std::optional<Runner> runner = backend().runner(*op, types, out);
  if (!runner) {
    SuspendTapes outer_op_is_recorded;
    Tensors made = op->compose(in);
    require<TypeError>(!made.empty(), op->name(), "is not available for ",
                       types.empty() ? out[0] : types[0]);
    return made;
  }
  Tensors results;
  std::vector<const void*> in_data;
  std::vector<void*> out_data;
  for (const Tensor& t : in) in_data.push_back(t.data());
  for (const Type& type : out) {
    results.emplace_back(type, backend().allocate(type.bytes()));
    out_data.push_back(results.back().data());
  }
  Buffer workspace;
  if (runner->workspace > 0) workspace = backend().allocate(runner->workspace);
  const Step step{.runner = std::move(*runner),
                  .in = in_data.data(),
                  .out = out_data.data(),
                  .workspace = workspace.data(),
                  .op = op,
                  .in_types = &types,
                  .out_types = &out};
  bool first = true;
  const Stop stop = backend().execute({&step, 1}, [&] { return std::exchange(first, false); });
  raise(stop.fault, *op, types);
  return results;
}

}  // namespace

void set_backend(const Backend* backend) { the_backend = backend; }
void set_run_bodies(RunBodies run) { run_bodies = run; }

const Backend& backend() {
  require(the_backend != nullptr, "backend", "none is registered: call set_backend first");
  return *the_backend;
}

Tensors apply(const OpPtr& op, const Tensors& in) {
  const Types types = types_of(in);
  const Types out = op->infer(types);
  Tensors results;
  Trace* trace = Trace::current();
  if (std::any_of(in.begin(), in.end(), [](const Tensor& t) { return t.is_symbolic(); }) ||
      (trace && trace->takes(in))) {
    require(trace != nullptr, op->name(),
            "was given a tensor without a value: the trace that made it has ended or is suspended");
    results = trace->append(op, in, out);
  } else {
    results = run_now(op, in, types, out);
  }
  if (Tape::any_open()) Tape::on_apply(op, in, results);
  return results;
}

}  // namespace deepcore
