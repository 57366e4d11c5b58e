// Which steps must wait for the ones before them: those that touch memory that is being written.
#pragma once

#include <cstddef>
#include <vector>

#include "deepcore/graph/backend.h"
#include "deepcore/plan/memory.h"

namespace deepcore {

// The memory that one step reads and writes.
class Access {
 public:
  void add(const Place& place, std::size_t bytes, bool write);
  // The same with each input read at its place in the arena.
  Access with_inputs_at(const std::vector<std::size_t>& offsets) const;
  bool conflicts(const Access& other) const;

 private:
  struct Span {
    Place::Kind kind;
    std::size_t begin, end;  // bytes of the arena; else number and number + 1
    bool write;
  };
  std::vector<Span> spans_;
  std::vector<std::size_t> input_bytes_;  // of the input spans, in order
};

// Sets Step::wait. Steps of one thread alone never wait for each other.
void set_waits(std::vector<Step>& steps, const std::vector<Access>& accesses);

}  // namespace deepcore
