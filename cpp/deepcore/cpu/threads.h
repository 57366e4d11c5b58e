// Threads: the only room that knows them. A region runs one function on every thread of a team.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace deepcore {

// One thread's view of the running team.
class Team {
 public:
  virtual ~Team() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // All threads meet. The last to arrive runs `last` (when given) before anybody leaves.
  virtual void barrier(const std::function<void()>* last = nullptr) = 0;
  // Runs body(task) for all tasks of [0, count), each once, on some thread: first this thread's own
  // share, then what others have left. Does not wait for the others.
  virtual void share(std::int64_t count, const std::function<void(std::int64_t)>& body) = 0;
  // Memory of this thread alone, as large as the region asked for.
  virtual void* scratch() = 0;
};

// Runs body once a thread, in this thread and the pool's. Denormals are flushed inside and the
// caller's mode is restored. When the pool is busy in another region, the team is this thread
// alone: same bits. `body` must not throw.
void parallel(int threads, std::size_t scratch, const std::function<void(Team&)>& body);

// How many threads a region gets: what was asked for, but no more than the CPUs that affinity and
// the cgroup quota leave. DEEPCORE_NUM_THREADS, then OMP_NUM_THREADS, say what is asked for at the
// start.
int num_threads();
void set_num_threads(int threads);  // 0: as many as there are CPUs
int available_cpus();
// Tests alone: a team of exactly this many, however few the CPUs; 0 ends it.
void force_team_size(int threads);
bool team_is_forced();

}  // namespace deepcore
