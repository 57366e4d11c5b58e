#include "deepcore/cpu/backend.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "deepcore/core/switches.h"
#include "deepcore/cpu/threads.h"
#include "deepcore/graph/apply.h"
#include "deepcore/graph/profile.h"

namespace deepcore {

namespace {

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// One run of a list of steps, seen by all threads of the team.
class Run {
 public:
  Run(std::span<const Step> steps, const std::function<bool()>& next, ProfiledRun* profile,
      Pace* pace)
      : steps_(steps), next_(next), profile_(profile), pace_(pace) {}

  void by(Team& team) {
    rounds(team, steps_, 0, [this, &team](std::int64_t round) {
      paused_ = pace_ && round > 0 && team.size() == team_ && pace_->took(now() - begun_);
      if (paused_ || !next_()) return false;
      if (pace_) begun_ = now();
      return true;
    });
  }

  // Goes on, from round to round, with as many threads as the pace says.
  void by_pace(int most, std::size_t scratch) {
    do {
      team_ = pace_->threads(most);
      paused_ = false;
      parallel(team_, scratch, [this](Team& team) { by(team); });
    } while (paused_);
  }

  Stop stop() const {
    const int fault = fault_.load();
    return {static_cast<Fault>(fault), fault ? step_at(steps_, culprit_.load()) : nullptr};
  }

 private:
  // A list of steps over and over, while next(round) says so: of the plan, or of a loop in it.
  // `number` is that of the first; a loop is followed by its steps. False after a fault.
  template <class Next>
  bool rounds(Team& team, std::span<const Step> steps, std::size_t number, const Next& next) {
    for (std::int64_t round = 0;; ++round) {
      const auto begin = [&] {
        if (profile_) profile_->settle();
        fine_ = fault_.load() == 0;
        go_ = fine_ && next(round);
      };
      const std::function<void()> last = std::ref(begin);  // a copy would be allocated
      team.barrier(&last);
      if (!go_) return fine_;
      if (!once(team, steps, number)) return false;
    }
  }

  bool once(Team& team, std::span<const Step> steps, std::size_t number) {
    const std::function<void()> check = [this] {
      if (profile_) profile_->settle();
      fine_ = fault_.load() == 0;
    };
    for (std::size_t i = 0; i < steps.size(); ++i, ++number) {
      const Step& step = steps[i];
      // A profile sees one step at a time, so that no time is counted twice.
      if ((step.wait || profile_) && i > 0) {
        team.barrier(&check);
        if (!fine_) return false;
      }
      if (!step.loop) {
        const std::int64_t begin = profile_ ? ProfiledRun::now() : 0;
        const bool mine = !step.solo() || team.rank() == 0;
        if (step.solo()) {
          if (mine) run_solo(team, step, number);
        } else if (!run_shared(team, step, number, check)) {
          return false;
        }
        if (profile_ && mine) profile_->ran(team.rank(), number, begin);
      } else if (step.solo() && !profile_) {
        if (team.rank() == 0) run_solo(team, step, number);
      } else {
        const Call call{step.in, step.out, step.workspace, &fault_};
        const auto next = [&](std::int64_t round) { return step.loop->next(call, round); };
        if (!rounds(team, step.loop->steps, number + 1, next)) return false;
      }
      if (step.loop) number += step.loop->all_steps;
    }
    return true;
  }

  void run_solo(Team& team, const Step& step, std::size_t number) {
    if (faulty()) return;  // what came before is not to be trusted
    const Call call{step.in, step.out, step.workspace, &fault_};
    if (step.loop) {
      for (std::int64_t round = 0; !faulty() && step.loop->next(call, round); ++round) {
        std::size_t inside = number + 1;
        for (const Step& each : step.loop->steps) {
          run_solo(team, each, inside);
          inside += 1 + (each.loop ? each.loop->all_steps : 0);
        }
      }
      return;
    }
    for (const Phase& phase : step.runner.phases)
      if (phase.tasks > 0) phase.run(call, 0, team.scratch());
    blame(number);
  }

  bool run_shared(Team& team, const Step& step, std::size_t number,
                  const std::function<void()>& check) {
    const Call call{step.in, step.out, step.workspace, &fault_};
    bool first = true;
    for (const Phase& phase : step.runner.phases) {
      if (!first) {
        team.barrier(&check);
        if (!fine_) return false;
      }
      first = false;
      if (phase.tasks <= 1) {
        if (phase.tasks == 1 && team.rank() == 0) phase.run(call, 0, team.scratch());
        continue;
      }
      const auto work = [&](std::int64_t task) { phase.run(call, task, team.scratch()); };
      team.share(phase.tasks, std::ref(work));  // a copy of `work` would be allocated
    }
    blame(number);
    return true;
  }

  bool faulty() const { return fault_.load(std::memory_order_relaxed) != 0; }

  void blame(std::size_t number) {
    if (!faulty()) [[likely]]
      return;
    std::size_t known = culprit_.load();
    while (number < known && !culprit_.compare_exchange_weak(known, number)) {
    }
  }

  static const Step* step_at(std::span<const Step> steps, std::size_t number) {
    for (const Step& step : steps) {
      if (number == 0) return &step;
      --number;
      const std::size_t inside = step.loop ? step.loop->all_steps : 0;
      if (number < inside) return step_at(step.loop->steps, number);
      number -= inside;
    }
    return nullptr;
  }

  std::span<const Step> steps_;
  const std::function<bool()>& next_;
  ProfiledRun* profile_;  // null when nobody profiles
  Pace* pace_;            // or null
  int team_ = 0;          // threads that the pace asked for
  std::int64_t begun_ = 0;
  bool paused_ = false;  // for another number of threads
  // Written by the last thread at a barrier, read by all after it.
  bool go_ = true, fine_ = true;
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
  register_scatter(*this);
  register_matmul(*this);
  register_conv(*this);
  register_pool(*this);
  register_softmax(*this);
  register_random(*this);
  register_update(*this);
  register_sparse_update(*this);
  register_simple_rnn(*this);
  register_lstm(*this);
  register_gru(*this);
  register_kernel_grads(*this);
  register_crf(*this);
  register_normalization(*this);
  register_attention(*this);
  register_ctc(*this);
}

std::optional<Runner> CpuBackend::runner(const Op& op, const Types& in, const Types& out,
                                         Constants constants) const {
  const auto found = table_.find(typeid(op));
  return found == table_.end() ? std::nullopt : found->second(op, in, out, constants);
}

Stop CpuBackend::execute(std::span<const Step> steps, const std::function<bool()>& next, bool alone,
                         Pace* pace) const {
  std::optional<ProfiledRun> profile;
  if (Profile::any_open()) profile.emplace(steps, num_threads());
  std::size_t scratch = 0;
  bool shared = false;
  for (const Step& step : steps) {
    scratch = std::max(scratch, step.loop ? step.loop->scratch : step.runner.scratch);
    shared = shared || (!alone && !step.solo());
  }
  const int most = shared ? num_threads() : 1;
  if (most == 1 || profile || team_is_forced() || !enabled(FastPath::kPace)) pace = nullptr;
  Run run(steps, next, profile ? &*profile : nullptr, pace);
  if (pace)
    run.by_pace(most, scratch);
  else
    parallel(most, scratch, [&](Team& team) { run.by(team); });
  return run.stop();
}

Buffer CpuBackend::allocate(std::size_t bytes) const { return Buffer::allocate(bytes); }

}  // namespace deepcore
