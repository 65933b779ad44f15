#include "prompt_data.hpp"

#include <algorithm>
#include <initializer_list>
#include <system_error>
#include <utility>

#include "common/data_files.hpp"
#include "common/options.hpp"

namespace synth::tdamm {
namespace {

using prompts::fail;
using prompts::Node;
using prompts::read_json;
using prompts::read_text;
namespace fs = std::filesystem;

void read_forms(const fs::path& file, const std::string& guidelines, PromptData& data) {
    const Node root = read_json(file);
    root.only({"draw", "years", "angles", "forms"});
    const Node draw = root.at("draw").only({"terms", "instruments", "objects", "quantities"});
    data.draw = {draw.at("terms").number(0, 50), draw.at("instruments").number(0, 50), draw.at("objects").number(0, 50),
                 draw.at("quantities").number(0, 50)};
    const auto [first, last] = root.at("years").range(1900, 2999);
    data.first_year = static_cast<int>(first);
    data.last_year = static_cast<int>(last);
    data.angles = root.at("angles").texts();
    for (const Node& form : root.at("forms").elements()) {
        form.only({"name", "codes", "system", "structure"});
        const auto codes = form.find("codes");
        data.forms.push_back({form.at("name").text(), codes ? codes->texts() : std::vector<std::string>(),
                              guidelines + "\n" + form.at("system").text(), form.at("structure").text()});
    }
    if (std::ranges::none_of(data.forms, [](const Form& form) { return form.codes.empty(); }))
        fail(file.string(), "forms: one of them must be without 'codes', for labels that no other form fits");
}

void read_families(const fs::path& file, PromptData& data) {
    for (const Node& family : read_json(file).only({"families"}).at("families").elements()) {
        family.only({"name", "codes", "requirement"});
        data.families.push_back({family.at("codes").texts(), family.at("requirement").text()});
    }
}

void read_negatives(const fs::path& file, const std::string& guidelines, PromptData& data) {
    const Node root = read_json(file);
    root.only({"default", "forms"});
    const auto read_form = [&](const Node& node) {
        NegativeForm form{guidelines + "\n" + node.at("system").text(), node.at("structure").text(), {}};
        if (const auto words = node.find("words")) {
            const auto [low, high] = words->range(10, 20'000);
            form.words = NegativeForm::Words{low, high};
        }
        return form;
    };
    data.negative_default = read_form(root.at("default").only({"name", "system", "structure", "words"}));
    data.negative_name = root.at("default").at("name").text();
    for (const auto& [name, form] : root.at("forms").members())
        data.negative_forms.emplace(name, read_form(form.only({"system", "structure", "words"})));
}

void read_repairs(const fs::path& dir, PromptData& data) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(dir, error)) {
        if (entry.path().extension() != ".md") continue;
        data.repairs.emplace(entry.path().stem().string(),
                             read_template(entry.path(), {Place::findings, Place::target_words, Place::words}, {}));
    }
    if (error) fail(dir.string(), "cannot be read (" + error.message() + ")");
    for (const char* name : {"malformed", "refused", "rejected", "truncated"})
        if (!data.repairs.contains(name)) static_cast<void>(read_text(dir / (std::string(name) + ".md")));
}

}  // namespace

TextTemplate read_template(const fs::path& file, std::initializer_list<Place> allowed,
                           std::initializer_list<Place> required) {
    Result<TextTemplate> parsed = TextTemplate::parse(read_text(file), allowed, required, file.string());
    if (!parsed) throw prompts::Broken{std::move(parsed).error().message};
    return *std::move(parsed);
}

Options parse_options(std::string_view json) {
    const plugins::Options given(json);
    return {given.text("dir"), static_cast<std::uint32_t>(given.count("target_words")),
            static_cast<std::uint32_t>(given.count("lead_words"))};
}

Result<PromptData> load_prompt_data(const fs::path& dir, std::string_view plugin) {
    try {
        if (!fs::is_directory(dir)) fail(dir.string(), "is not a folder");
        PromptData data;
        using enum Place;
        data.document =
            read_template(dir / "document.md",
                          {angle, date, few, form, label_count, label_words, labels, lead_words, least_words,
                           lookalikes, many, neighbours, one, parents, requirements, structure, target_words},
                          {form, labels, structure, target_words});
        data.label = read_template(
            dir / "label.md", {instruments, label_words, meaning, name, objects, quantities, terms}, {meaning, name});
        data.quantity = read_template(dir / "quantity.md", {high, low, name, typical, unit, value}, {name, unit});
        data.negative = read_template(
            dir / "negative.md",
            {avoid, category, date, form, hard, instruments, meaning, quantities, structure, target_words, terms},
            {category, form, structure, target_words});
        const std::string guidelines = read_text(dir / "guidelines.md");
        read_forms(dir / "forms.json", guidelines, data);
        read_negatives(dir / "negatives.json", guidelines, data);
        read_families(dir / "families.json", data);
        data.phrases = prompts::read_phrases(dir / "answers.json");
        read_repairs(dir / "repair", data);
        return data;
    } catch (const prompts::Broken& broken) {
        return prompts::error_of(broken, plugin);
    }
}

}  // namespace synth::tdamm
