#include "deepcore/cpu/backend.h"

#include <algorithm>
#include <functional>

#include "deepcore/cpu/threads.h"
#include "deepcore/graph/apply.h"
#include "deepcore/graph/profile.h"

namespace deepcore {

namespace {

// One run of a list of steps, seen by all threads of the team.
class Run {
 public:
  Run(std::span<const Step> steps, const std::function<bool()>& next, ProfiledRun* profile)
      : steps_(steps), next_(next), profile_(profile) {}

  void by(Team& team) {
    const std::function<void()> decide = [this] {
      if (profile_) profile_->settle();
      go_ = fault_.load() == 0 && next_();
    };
    const std::function<void()> check = [this] { go_ = fault_.load() == 0; };
    const std::function<void()> settle = [this] {
      profile_->settle();
      go_ = fault_.load() == 0;
    };
    for (;;) {
      team.barrier(&decide);
      if (!go_) return;
      for (std::size_t i = 0; i < steps_.size(); ++i) {
        const Step& step = steps_[i];
        // A profile sees one step at a time, so that no time is counted twice.
        if ((step.wait || profile_) && i > 0) {
          team.barrier(profile_ ? &settle : &check);
          if (!go_) return;
        }
        const std::int64_t begin = profile_ ? ProfiledRun::now() : 0;
        const bool mine = !step.solo() || team.rank() == 0;
        if (step.solo()) {
          if (mine) run_solo(team, i);
        } else if (!run_shared(team, i, check)) {
          return;
        }
        if (profile_ && mine) profile_->ran(team.rank(), i, begin);
      }
    }
  }

  Stop stop() const {
    return {static_cast<Fault>(fault_.load()), fault_.load() ? culprit_.load() : 0};
  }

 private:
  void run_solo(Team& team, std::size_t i) {
    if (fault_.load(std::memory_order_relaxed) != 0)
      return;  // what came before is not to be trusted
    const Step& step = steps_[i];
    const Call call{step.in, step.out, step.workspace, &fault_};
    for (const Phase& phase : step.runner.phases)
      if (phase.tasks > 0) phase.run(call, 0, team.scratch());
    blame(i);
  }

  bool run_shared(Team& team, std::size_t i, const std::function<void()>& check) {
    const Step& step = steps_[i];
    const Call call{step.in, step.out, step.workspace, &fault_};
    bool first = true;
    for (const Phase& phase : step.runner.phases) {
      if (!first) {
        team.barrier(&check);
        if (!go_) return false;
      }
      first = false;
      const auto work = [&](std::int64_t task) { phase.run(call, task, team.scratch()); };
      team.share(phase.tasks, std::ref(work));  // a copy of `work` would be allocated
    }
    blame(i);
    return true;
  }

  void blame(std::size_t i) {
    if (fault_.load(std::memory_order_relaxed) == 0) [[likely]]
      return;
    std::size_t known = culprit_.load();
    while (i < known && !culprit_.compare_exchange_weak(known, i)) {
    }
  }

  std::span<const Step> steps_;
  const std::function<bool()>& next_;
  ProfiledRun* profile_;  // null when nobody profiles
  bool go_ = true;        // written by the last thread at a barrier, read by all after it
  std::atomic<int> fault_{0};
  std::atomic<std::size_t> culprit_{~std::size_t{0}};
};

}  // namespace

const CpuBackend& CpuBackend::instance() {
  static const CpuBackend backend;
  return backend;
}

void use_cpu_backend() { set_backend(&CpuBackend::instance()); }

CpuBackend::CpuBackend() {
  register_elementwise(*this);
  register_fused_sum(*this);
  register_reduce(*this);
  register_moments(*this);
  register_shaping(*this);
  register_indexing(*this);
  register_matmul(*this);
  register_conv(*this);
  register_pool(*this);
  register_softmax(*this);
  register_random(*this);
  register_update(*this);
  register_simple_rnn(*this);
  register_lstm(*this);
  register_gru(*this);
  register_crf(*this);
}

std::optional<Runner> CpuBackend::runner(const Op& op, const Types& in, const Types& out,
                                         Constants constants) const {
  const auto found = table_.find(typeid(op));
  return found == table_.end() ? std::nullopt : found->second(op, in, out, constants);
}

Stop CpuBackend::execute(std::span<const Step> steps, const std::function<bool()>& next,
                         bool alone) const {
  std::optional<ProfiledRun> profile;
  if (Profile::any_open()) profile.emplace(steps, num_threads());
  Run run(steps, next, profile ? &*profile : nullptr);
  std::size_t scratch = 0;
  bool shared = false;
  for (const Step& step : steps) {
    scratch = std::max(scratch, step.runner.scratch);
    shared = shared || (!alone && !step.solo());
  }
  parallel(shared ? num_threads() : 1, scratch, [&](Team& team) { run.by(team); });
  return run.stop();
}

Buffer CpuBackend::allocate(std::size_t bytes) const { return Buffer::allocate(bytes); }

}  // namespace deepcore
