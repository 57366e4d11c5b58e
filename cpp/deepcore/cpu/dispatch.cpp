// Picks the table of kernels for this CPU, once.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "deepcore/core/error.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {

namespace baseline {
extern const Kernels table;
}
#ifdef DEEPCORE_HAVE_X86
namespace avx2 {
extern const Kernels table;
}
namespace avx512 {
extern const Kernels table;
}
#endif

namespace {

// The tables that this machine runs, best first.
std::vector<const Kernels*> offered() {
  std::vector<const Kernels*> tables;
#ifdef DEEPCORE_HAVE_X86
  const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    tables.push_back(&avx512::table);
  if (fma) tables.push_back(&avx2::table);
#endif
  tables.push_back(&baseline::table);
  return tables;
}

const Kernels& pick() {
  const char* asked = std::getenv("DEEPCORE_ISA");
  const std::string_view isa = asked ? asked : "";
  std::string names;
  for (const Kernels* table : offered()) {
    if (isa.empty() || isa == table->isa) return *table;
    names += (names.empty() ? "" : ", ") + std::string(table->isa);
  }
  require(false, "DEEPCORE_ISA", "this machine and build offer ", names, ", not '", isa, "'");
  return baseline::table;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& picked = pick();
  return picked;
}

}  // namespace deepcore
