#include "deepcore/graph/pace.h"

#include <algorithm>

namespace deepcore {
namespace {

// Rounds are judged by their mean over so many nanoseconds.
constexpr double kWindow = 2e6;
// Windows between trials, each one window long: the more trials in a row were of no use, the more.
// Where threads are left out they are soon tried again: other work often ends within 0.1 s.
constexpr int kSoon = 20, kLate = 400, kSoonBack = 10, kLateBack = 40;
// What a trial has to gain.
constexpr double kFaster = 0.9;
// What a window counts in the mean of those before: a burst of other work must not decide.
constexpr double kNews = 1.0 / 16;
// So much slower than after the last trial, and one is due soon.
constexpr double kSlower = 1.3;
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
  known_ = known_ == 0 ? mean : known_ + kNews * (mean - known_);
  if (settled_ == 0) settled_ = known_;
  if (++since_ < (known_ > kSlower * settled_ ? kSoon : patience_)) return false;
  const int next = candidate();
  if (next == 0 || (next < threads_ && known_ > kLongRound)) return false;
  before_ = threads_;
  fewer_ = next < threads_;
  threads_ = next;
  return true;
}

bool Pace::judge_trial(double mean) {
  const bool faster = mean < kFaster * known_;
  if (faster) {
    known_ = mean;
    patience_ = threads_ < most_ ? kSoonBack : kSoon;
  } else {
    threads_ = before_;
    fewer_ = !fewer_;
    patience_ = std::min(2 * patience_, threads_ < most_ ? kLateBack : kLate);
  }
  settled_ = known_;
  since_ = before_ = 0;
  return !faster;
}

}  // namespace deepcore
