// Every test runs on the CPU backend.
#include <gtest/gtest.h>

#include "deepcore/cpu/backend.h"

namespace {
struct UseCpu : testing::Environment {
  void SetUp() override { deepcore::use_cpu_backend(); }
};
[[maybe_unused]] const auto* const registered = testing::AddGlobalTestEnvironment(new UseCpu);
}  // namespace
