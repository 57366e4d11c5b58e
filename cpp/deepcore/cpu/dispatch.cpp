// Picks the table of kernels for this CPU, once.
#include <cstdlib>
#include <string_view>

#include "deepcore/core/error.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {

namespace baseline {
extern const Kernels table;
}
#ifdef DEEPCORE_HAVE_AVX2
namespace avx2 {
extern const Kernels table;
}
#endif

namespace {

bool runs_avx2() {
#ifdef DEEPCORE_HAVE_AVX2
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

const Kernels& pick() {
  const char* asked = std::getenv("DEEPCORE_ISA");
  const std::string_view isa = asked ? asked : "";
  require(isa.empty() || isa == "baseline" || (isa == "avx2" && runs_avx2()), "DEEPCORE_ISA",
          "this machine and build offer ", runs_avx2() ? "baseline and avx2" : "baseline",
          ", not '", isa, "'");
#ifdef DEEPCORE_HAVE_AVX2
  if (runs_avx2() && isa != "baseline") return avx2::table;
#endif
  return baseline::table;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& picked = pick();
  return picked;
}

}  // namespace deepcore
