// Backend: what a device must offer. A runner says how an op becomes tasks; the backend runs them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "deepcore/graph/op.h"
#include "deepcore/graph/pace.h"

namespace deepcore {

// A fault that only the data can show, found by a kernel and reported after the run.
enum class Fault : int { kNone, kIndexOutOfRange, kLabelOutOfRange };

// What a running kernel sees. A dead output is a null pointer.
struct Call {
  const void* const* in;
  void* const* out;
  void* workspace;          // shared by all tasks of the step; lives for its phases
  std::atomic<int>* fault;  // store a Fault here to stop the run after this step

  template <class T = float>
  const T* input(int i) const {
    return static_cast<const T*>(in[i]);
  }
  template <class T = float>
  T* output(int i) const {
    return static_cast<T*>(out[i]);
  }
};

// A phase is `tasks` independent pieces of work, cut by shape and never by thread count. Tasks of
// one phase may run in any order on any threads; the next phase begins when all are done. `scratch`
// is memory of the running thread alone, of the size that the Runner asked for.
struct Phase {
  std::int64_t tasks = 1;
  std::function<void(const Call& call, std::int64_t task, void* scratch)> run;
};

// Which inputs of an op hold the same numbers in every run of its step: bit i for input i.
using Constants = std::uint32_t;

struct Runner {
  std::vector<Phase> phases;
  std::size_t workspace = 0;  // bytes shared by the tasks
  std::size_t scratch = 0;    // bytes per thread
  // What to make of constant inputs, once in the life of a step. With a setup the workspace is the
  // step's own, and keeps from run to run what the setup left there.
  std::vector<Phase> setup = {};
  Constants absorbed = 0;  // inputs that the setup alone reads
};

struct Step;

// Steps inside a step, run over and over: the body of a loop, or a branch.
struct Loop {
  // One thread asks before each round, while the others wait: may it begin? It sets the pointers.
  // `call` holds those of the step that the loop is.
  std::function<bool(const Call& call, std::int64_t round)> next;
  std::vector<Step> steps;
  std::int64_t rounds = 1;    // at most, for estimates
  std::size_t all_steps = 0;  // those inside loops inside too
  std::size_t scratch = 0;    // bytes per thread
  bool solo = true;           // one thread does it all
};

// One entry of a plan, with its pointers resolved.
struct Step {
  Runner runner = {};
  std::shared_ptr<const Loop> loop = {};  // then it is what runs, and the runner is empty
  const void* const* in = nullptr;
  void* const* out = nullptr;
  void* workspace = nullptr;
  bool wait = true;                 // the step must not start before all earlier ones have ended
  OpPtr op = {};                    // for profiles and messages; null for feeds and copies
  const Types* in_types = nullptr;  // for profiles
  const Types* out_types = nullptr;

  bool solo() const {  // one thread does it all
    if (loop) return loop->solo;
    for (const Phase& phase : runner.phases)
      if (phase.tasks > 1) return false;
    return true;
  }
  bool ends_solo() const {  // one thread does its end, when all have done the rest
    return solo() || (!loop && runner.phases.back().tasks <= 1);
  }
};

// Why a run ended early: the first step that met a fault, one of those it was given or one inside.
struct Stop {
  Fault fault = Fault::kNone;
  const Step* step = nullptr;
};

class Backend {
 public:
  virtual ~Backend() = default;
  // How to run an op on these types; nullopt when this backend has no kernel: compose() is used
  // instead.
  virtual std::optional<Runner> runner(const Op& op, const Types& in, const Types& out,
                                       Constants constants) const = 0;
  std::optional<Runner> runner(const Op& op, const Types& in, const Types& out) const {
    return runner(op, in, out, 0);
  }
  // Runs the list `next() == true` times over: next is asked by one thread before each round while
  // the others wait. A phase of at most one task is run by the caller's thread; others wait for it
  // only where a step says so or a phase of several tasks follows. With `alone` that thread runs
  // everything: same bits, and no helpers to wake for a few microseconds. A `pace`, of these steps
  // alone, says how many threads take part and learns from each round.
  virtual Stop execute(std::span<const Step> steps, const std::function<bool()>& next,
                       bool alone = false, Pace* pace = nullptr) const = 0;
  virtual Buffer allocate(std::size_t bytes) const = 0;
};

}  // namespace deepcore
