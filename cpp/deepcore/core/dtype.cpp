#include "deepcore/core/dtype.h"

#include <array>

#include "deepcore/core/error.h"

namespace deepcore {
namespace {

struct Info {
  std::string_view name;
  std::size_t size;
};
// In the order of the enum.
constexpr std::array<Info, 8> kInfo{{{"bool", 1},
                                     {"uint8", 1},
                                     {"int32", 4},
                                     {"int64", 8},
                                     {"float16", 2},
                                     {"bfloat16", 2},
                                     {"float32", 4},
                                     {"float64", 8}}};

}  // namespace

std::size_t size_of(DType dtype) { return kInfo[static_cast<std::size_t>(dtype)].size; }

std::string_view name_of(DType dtype) { return kInfo[static_cast<std::size_t>(dtype)].name; }

DType dtype_from(std::string_view name) {
  for (std::size_t i = 0; i < kInfo.size(); ++i)
    if (kInfo[i].name == name) return static_cast<DType>(i);
  std::string known;
  for (const Info& info : kInfo) known += join(known.empty() ? "" : ", ", info.name);
  throw ValueError(join("[dtype] unknown dtype '", name, "', expected one of ", known));
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

}  // namespace deepcore
