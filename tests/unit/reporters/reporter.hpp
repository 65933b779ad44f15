// A reporter of the build tree over a run in memory.

#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "support/fake_run.hpp"
#include "support/plugin_loading.hpp"

namespace synth::test {

inline Result<Section> report_of(std::string_view id, const FakeRun& run) {
    auto reporter = load<Reporter>(id, "{}", run.classes);
    if (!reporter) return reporter.error();
    return reporter->call([&](Reporter& loaded) { return loaded.report(run); });
}

/// One that succeeds; no line of its text may be wider than 100 columns.
inline Section section_of(std::string_view id, const FakeRun& run) {
    auto made = report_of(id, run);
    EXPECT_TRUE(made) << made.error().message;
    std::istringstream lines(made->text);
    for (std::string line; std::getline(lines, line);)
        EXPECT_LE(std::ranges::count_if(line, [](unsigned char c) { return (c & 0xC0U) != 0x80U; }), 100) << line;
    return *std::move(made);
}

}  // namespace synth::test
