// The kernels of every instruction set that this build and machine have.
#pragma once

#include <vector>

#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace baseline {
extern const Kernels table;
}
namespace test {

inline std::vector<const Kernels*> simd_tables() {
  std::vector<const Kernels*> all{&baseline::table};
  if (&kernels() != all[0]) all.push_back(&kernels());
  return all;
}

}  // namespace test
}  // namespace deepcore
