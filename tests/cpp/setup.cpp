// Every test runs on the CPU backend.
#include <gtest/gtest.h>

#include "deepcore/cpu/backend.h"
#include "deepcore/plan/plan.h"

namespace {
struct UseCpu : testing::Environment {
  void SetUp() override {
    deepcore::use_cpu_backend();
    deepcore::use_planner();
  }
};
[[maybe_unused]] const auto* const registered = testing::AddGlobalTestEnvironment(new UseCpu);
}  // namespace
