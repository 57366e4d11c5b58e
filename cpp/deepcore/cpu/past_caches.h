// Results that no cache can hold are written past them: an ordinary store reads its line first, and
// is thrown out again before anyone reads it.
#pragma once

#include <cstdint>

#include "deepcore/core/copy_row.h"

namespace deepcore {

constexpr std::int64_t kFloatsALine = kLineBytes / sizeof(float);

// Is a result of so many floats one of those, and do its rows take whole lines?
bool past_caches(std::int64_t floats, std::int64_t row);

// Does it begin a line of memory? Our own buffers do.
inline bool begins_line(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p) % kLineBytes == 0;
}

}  // namespace deepcore
