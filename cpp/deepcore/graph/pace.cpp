#include "deepcore/graph/pace.h"

#include <algorithm>

namespace deepcore {
namespace {

// Rounds are judged by their mean over so many nanoseconds.
constexpr double kWindow = 2e6;
// Windows between trials, each one window long: the more trials in a row were of no use, the more.
constexpr int kSoon = 20, kLate = 400;
// What a trial has to gain.
constexpr double kFaster = 0.95;
// So many windows in a row this much slower than known, and a trial is due.
constexpr double kSlower = 1.3;
constexpr int kSlowWindows = 3;
// Longer rounds have work enough for all threads, and a trial of fewer would cost much.
constexpr double kLongRound = 8e6;

}  // namespace

int Pace::threads(int most) {
  if (most != most_) {
    *this = Pace();
    most_ = threads_ = most;
    patience_ = kSoon;
  }
  return threads_;
}

bool Pace::took(std::int64_t nanoseconds) {
  window_ += static_cast<double>(nanoseconds);
  ++rounds_;
  if (window_ < kWindow) return false;
  const double mean = window_ / rounds_;
  window_ = 0;
  rounds_ = 0;
  return before_ > 0 ? judge_trial(mean) : judge(mean);
}

// Half as many or twice as many; 0 where there is no other number.
int Pace::candidate() const {
  const int fewer = threads_ / 2, more = threads_ < most_ ? std::min(2 * threads_, most_) : 0;
  return fewer_ ? (fewer > 0 ? fewer : more) : (more > 0 ? more : fewer);
}

bool Pace::judge(double mean) {
  slow_ = known_ > 0 && mean > kSlower * known_ ? slow_ + 1 : 0;
  if (slow_ == 0) known_ = mean;
  if (++since_ < (slow_ >= kSlowWindows ? kSoon : patience_)) return false;
  const int next = candidate();
  if (next == 0 || (next < threads_ && mean > kLongRound)) return false;
  known_ = mean;
  before_ = threads_;
  fewer_ = next < threads_;
  threads_ = next;
  return true;
}

bool Pace::judge_trial(double mean) {
  const bool faster = mean < kFaster * known_;
  slow_ = since_ = 0;
  if (faster) {
    known_ = mean;
    patience_ = kSoon;
  } else {
    threads_ = before_;
    fewer_ = !fewer_;
    patience_ = std::min(2 * patience_, kLate);
  }
  before_ = 0;
  return !faster;
}

}  // namespace deepcore
