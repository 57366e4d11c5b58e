// On how many threads a list of steps, run over and over, is best run: learnt from the time of its
// rounds. Beside other work a thread that waits for its CPU holds up all others at every barrier:
// fewer are up to 2.2 times as fast then, on two CPUs; and so they are for little work on many.
// Time decides, which is safe: results have the same bits on any number of threads.
#pragma once

#include <cstdint>

namespace deepcore {

class Pace {
 public:
  // For the coming rounds, of `most`: all of them to begin with.
  int threads(int most);
  // One more round took so many nanoseconds on these. True when the next ones are for another
  // number.
  bool took(std::int64_t nanoseconds);

 private:
  bool judge(double mean);
  bool judge_trial(double mean);
  int candidate() const;

  int most_ = 0, threads_ = 0;
  int before_ = 0;      // during a trial of others: what goes on unless those are faster
  bool fewer_ = true;   // what the next trial is of
  double known_ = 0;    // the mean of a round on threads_, of late, in nanoseconds
  double settled_ = 0;  // the same after the last trial
  int since_ = 0;       // windows since then
  int patience_ = 0;    // windows between trials
  double window_ = 0;   // nanoseconds so far
  int rounds_ = 0;      // of the window
};

}  // namespace deepcore
