// Puts the documents of a file before validators and says what they find: run-validators FILE ID[=OPTIONS]…
//
// FILE is a JSON array of {"full_text", "labels"}, with "target_words" (what the prompt asked for) and "add": false
// (checked against the set, and not added to it) where that is wanted. The output is JSON: findings by document, and
// microseconds of processor time for a document by validator.

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/label_spellings.hpp"
#include "support/plugin_loading.hpp"
#include "synth/text.hpp"
#include "synth/validator.hpp"

namespace {

using nlohmann::json;

double cpu_microseconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

struct Loaded {
    std::string id;
    synth::core::Instance<synth::Validator> validator;
    std::unique_ptr<synth::SetCheck> set;
    double spent = 0;
};

int fail(const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return fail("usage: run-validators FILE ID[=OPTIONS]...");
    std::ifstream in(argv[1]);
    const json documents = json::parse(in, nullptr, false);
    if (!documents.is_array()) return fail(std::string(argv[1]) + " is no JSON array");

    std::vector<Loaded> all;
    for (int i = 2; i < argc; ++i) {
        const std::string word = argv[i];
        const std::size_t equals = word.find('=');
        const std::string id = word.substr(0, equals);
        auto loaded =
            synth::test::load<synth::Validator>(id, equals == std::string::npos ? "{}" : word.substr(equals + 1));
        if (!loaded) return fail(loaded.error().message);
        auto set = loaded->object().set_check();
        if (!set) return fail(set.error().message);
        all.push_back({id, std::move(*loaded), std::move(*set)});
    }

    const synth::Taxonomy& taxonomy = synth::test::taxonomy();
    const synth::plugins::LabelSpellings spellings(taxonomy);
    json found = json::array();
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const json& document = documents[i];
        const synth::Draft draft{.text = document.at("full_text").get<std::string>()};
        synth::SampleSpec spec;
        spec.index = i;
        for (const auto& name : document.at("labels")) {
            const auto label = spellings.find(name.get<std::string>());
            if (!label) return fail("no label " + name.dump());
            spec.labels.insert(*label);
        }
        synth::Prompt prompt;
        prompt.target_words = document.value("target_words", 0U);
        const synth::Completion completion{draft.text, synth::FinishReason::stop};
        const synth::Review review{.spec = &spec, .prompt = &prompt, .completion = &completion, .draft = &draft};
        json findings = json::array();
        for (Loaded& one : all) {
            const double start = cpu_microseconds();
            std::vector<synth::Finding> of_one;
            const auto take = [&](synth::Result<synth::Verdict> verdict) {
                if (!verdict) return fail(one.id + ": " + verdict.error().message);
                for (auto& finding : verdict->findings) of_one.push_back(std::move(finding));
                return 0;
            };
            if (take(one.validator.object().check(review)) != 0) return 1;
            if (one.set) {
                if (take(one.set->check(review)) != 0) return 1;
                if (document.value("add", true) && !one.set->add(review)) return fail(one.id + ": cannot add");
            }
            one.spent += cpu_microseconds() - start;
            for (const auto& finding : of_one) {
                json row = {{"validator", one.id},
                            {"code", finding.code},
                            {"label", finding.label},
                            {"message", finding.message},
                            {"rejects", finding.severity == synth::Severity::rejection}};
                if (finding.value) row["value"] = *finding.value;
                if (finding.limit) row["limit"] = *finding.limit;
                findings.push_back(std::move(row));
            }
        }
        found.push_back(std::move(findings));
    }
    json cpu;
    for (const Loaded& one : all)
        cpu[one.id] = one.spent / static_cast<double>(std::max<std::size_t>(documents.size(), 1));
    std::cout << json{{"cpu_us", cpu}, {"findings", found}}.dump(-1, ' ', false, json::error_handler_t::replace)
              << '\n';
}
