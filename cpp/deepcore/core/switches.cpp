#include "deepcore/core/switches.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "deepcore/core/error.h"

namespace deepcore {

namespace {

constexpr std::size_t kPaths = static_cast<std::size_t>(FastPath::kCount);
constexpr std::array<std::string_view, kPaths> kNames = {
    "simplify",  "fuse_epilogues", "fuse_elementwise", "loops",
    "winograd",  "split_products", "recurrent",        "depthwise_rows",
    "pack_once", "sparse_updates", "past_caches",      "pace"};

std::array<bool, kPaths> read() {
  std::array<bool, kPaths> on;
  on.fill(true);
  const char* variable = std::getenv("DEEPCORE_DISABLE");
  std::string_view rest = variable ? variable : "";
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    std::string known;
    for (std::string_view each : kNames) known += (known.empty() ? "" : ", ") + std::string(each);
    require(found != kNames.end(), "DEEPCORE_DISABLE", "names fast paths, of ", known, ", not '",
            name, "'");
    on[static_cast<std::size_t>(found - kNames.begin())] = false;
  }
  return on;
}

}  // namespace

bool enabled(FastPath path) {
  static const std::array<bool, kPaths> on = read();
  return on[static_cast<std::size_t>(path)];
}

}  // namespace deepcore
