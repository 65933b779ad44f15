// What the checks of all kinds share: how a check is run and told, and inputs that several of them use.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "common/json_text.hpp"
#include "plugins/registry.hpp"
#include "synth/host.hpp"
#include "synth/random.hpp"
#include "synth/text.hpp"
#include "synth/types.hpp"

namespace synth::core::conformance {

/// What was wrong; empty: nothing.
using Problem = std::string;

inline std::string number(std::uint64_t value) { return std::to_string(value); }

/// Lends data and taxonomy; keeps what the plugin logs to itself.
class CheckHost final : public Host {
public:
    CheckHost(const PluginInfo& plugin, const Taxonomy& taxonomy) : data_dir_(plugin.data_dir), taxonomy_(taxonomy) {}
    void log(LogLevel, std::string_view) override {}
    [[nodiscard]] bool has_secret(std::string_view) const override { return true; }
    [[nodiscard]] std::string setting(std::string_view) const override { return {}; }
    [[nodiscard]] std::string data_dir() const override { return data_dir_; }
    [[nodiscard]] const Taxonomy& taxonomy() const override { return taxonomy_; }

private:
    std::string data_dir_;
    const Taxonomy& taxonomy_;
};

/// Runs checks in the child and tells the parent of each as it begins and ends.
class Checks {
public:
    Checks(int pipe, const PluginInfo& the_plugin, const std::string& its_options, const Taxonomy& classes,
           std::filesystem::path folder, std::chrono::sys_days date)
        : plugin(the_plugin),
          options(its_options),
          taxonomy(classes),
          scratch(std::move(folder)),
          today(date),
          host_(the_plugin, classes),
          pipe_(pipe) {}

    /// `check` returns a Problem. What it notes with `note` is shown when there is none.
    template <class Check>
    void run(const char* name, Check&& check) {
        send({{"name", name}});
        note.clear();
        Problem problem;
        try {
            problem = check();
        } catch (const std::exception& stray) {
            problem = std::string("threw an exception: ") + stray.what();
        } catch (...) {
            problem = "threw an exception";
        }
        send({{"name", name}, {"passed", problem.empty()}, {"detail", problem.empty() ? note : problem}});
    }

    template <class Interface>
    Instance<Interface> make() {
        auto made = Registry::create<Interface>(plugin, options, host_);
        return made ? std::move(*made) : Instance<Interface>();
    }

    /// The first check of every kind; two instances of their own, or nothing and no further check makes sense.
    template <class Interface>
    bool make(Instance<Interface>& one, Instance<Interface>& other) {
        run("create makes instances", [&]() -> Problem {
            for (auto* into : {&one, &other}) {
                auto made = Registry::create<Interface>(plugin, options, host_);
                if (!made) return made.error().message + " (-o " + plugin.kind + ".KEY=VALUE gives it options)";
                *into = std::move(*made);
            }
            return {};
        });
        return one && other;
    }

    template <class Interface>
    Result<Instance<Interface>> make_with(const std::string& other_options) {
        return Registry::create<Interface>(plugin, other_options, host_);
    }

    const PluginInfo& plugin;
    const std::string& options;
    const Taxonomy& taxonomy;
    const std::filesystem::path scratch;
    const std::chrono::sys_days today;
    std::string note;

private:
    void send(const nlohmann::json& line) const {
        static_cast<void>(write_all(pipe_, plugins::json_text(line) + "\n"));
    }

    CheckHost host_;
    int pipe_;
};

inline bool one_line(std::string_view text) {
    return !trim(text).empty() && std::ranges::none_of(text, [](char c) { return c == '\n' || c == '\r'; });
}

inline bool snake_case(std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

inline std::string described(const Error& error) { return std::string(name_of(error.code)) + ": " + error.message; }

inline bool same_error(const Error& a, const Error& b) {
    return a.code == b.code && a.message == b.message && a.reason == b.reason;
}

/// Specs of all sorts: the negative label, each of some others alone, and sets of them.
inline std::vector<SampleSpec> some_specs(const Taxonomy& taxonomy) {
    std::vector<SampleSpec> specs;
    const auto add = [&](const LabelSet& set) {
        SampleSpec spec;
        spec.index = specs.size();
        spec.seed = derive_seed(1, spec.index);
        spec.labels = spec.drawn = set;
        spec.primary = set[0];
        specs.push_back(spec);
    };
    if (taxonomy.negative)
        for (int i = 0; i < 2; ++i) {
            LabelSet alone;
            alone.insert(*taxonomy.negative);
            add(alone);
        }
    for (std::size_t id = 0; id < taxonomy.labels.size(); id += 3) {
        LabelSet set;
        for (std::size_t more = 0; more < 1 + id % 4; ++more)
            if (const auto label = static_cast<LabelId>((id + 5 * more) % taxonomy.labels.size());
                label != taxonomy.negative)
                set.insert(label);
        if (!set.empty()) add(set);
    }
    return specs;
}

inline std::string some_document(std::size_t words) {
    constexpr std::array<std::string_view, 12> kWords = {"the", "burst", "was",    "seen",  "with", "γ-rays",
                                                         "by",  "two",   "groups", "above", "30",   "keV"};
    std::string text = "# A burst seen by two groups\n\n";
    for (std::size_t i = 0; i < words; ++i)
        text.append(kWords[(i * i + i / 7) % kWords.size()]).append((i + 1) % 90 == 0 ? ".\n\n" : " ");
    return text + "end.";
}
/// One function a kind, in a file of its own.
void check_sampler(Checks& checks);
void check_prompt(Checks& checks);
void check_provider(Checks& checks);
void check_validator(Checks& checks);
void check_sink(Checks& checks);
void check_reporter(Checks& checks);

}  // namespace synth::core::conformance
