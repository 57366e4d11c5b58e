// Indices sorted by the row that they ask for, so that tasks walk a table in its own order, each
// its own stretch of it.
#pragma once

#include <algorithm>
#include <vector>

#include "deepcore/cpu/indices.h"

namespace deepcore {

// Index `position` asks for `row`.
struct Taken {
  std::uint32_t row, position;
};

class TakenRows {
 public:
  // Can these be counted in 32 bits?
  static bool fits(const Indices& indices);
  static constexpr int kMostStretches = 64;
  // For a table cut into at most `most` stretches (nor more than the above), and at least half.
  TakenRows(const Indices& indices, std::int64_t most);

  std::int64_t stretches() const { return stretches_; }
  std::size_t workspace() const;  // bytes
  // What sorts input `input` into the workspace, or reports that an index is outside.
  std::vector<Phase> sorting(int input) const;

  // Walks a stretch: touched(row, first, last) for a row that is asked for, by [first, last) in the
  // order of their positions, and idle(first, end) for the rows between those.
  template <class Touched, class Idle>
  void walk(const Call& call, std::int64_t stretch, const Touched& touched,
            const Idle& idle) const {
    const Taken *t = sorted(call) + begins(call)[stretch],
                *last = sorted(call) + begins(call)[stretch + 1];
    std::int64_t row = stretch << shift_;
    const std::int64_t end = std::min(indices_.size, (stretch + 1) << shift_);
    while (t < last) {
      const Taken* first = t;
      while (t < last && t->row == first->row) ++t;
      if (row < first->row) idle(row, std::int64_t{first->row});
      touched(std::int64_t{first->row}, first, t);
      row = std::int64_t{first->row} + 1;
    }
    if (row < end) idle(row, end);
  }
  // The one that is asked for `ahead` turns after t, or the last.
  const Taken* soon(const Call& call, const Taken* t, std::int64_t ahead) const {
    const Taken* last = sorted(call) + indices_.count - 1;
    return ahead < last - t ? t + ahead : last;
  }

 private:
  void count(const Call& call, const void* indices, std::int64_t chunk) const;
  void distribute(const Call& call, const void* indices, std::int64_t chunk) const;
  void sort(const Call& call, std::int64_t stretch) const;

  Taken* half(const Call& call, int which) const {
    return static_cast<Taken*>(call.workspace) + which * indices_.count;
  }
  const Taken* sorted(const Call& call) const { return half(call, passes_ % 2); }
  // Where the stretches begin among the sorted, and where the last one ends.
  std::uint32_t* begins(const Call& call) const {
    return static_cast<std::uint32_t*>(static_cast<void*>(half(call, 2)));
  }
  // How many of a chunk of the indices ask for rows of each stretch.
  std::uint32_t* counts(const Call& call, std::int64_t chunk) const {
    return begins(call) + stretches_ + 1 + chunk * stretches_;
  }

  Indices indices_;
  int shift_;  // a stretch has 2^shift rows
  int passes_;
  std::int64_t stretches_, chunks_;
};

}  // namespace deepcore
