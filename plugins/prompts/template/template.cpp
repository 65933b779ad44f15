// Prompt strategy `template`: what a model is asked to write stands in the user's own template files. The facts come
// from the taxonomy; what is drawn, from the sample's variant and seed.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/answer.hpp"
#include "common/data_files.hpp"
#include "common/facts.hpp"
#include "common/numbers.hpp"
#include "common/options.hpp"
#include "common/passages.hpp"
#include "common/spread.hpp"
#include "common/utf8.hpp"
#include "mustache_template.hpp"
#include "synth/plugin.hpp"
#include "synth/prompt_strategy.hpp"
#include "synth/random.hpp"
#include "synth/text.hpp"

namespace synth::templates {
namespace {

using prompts::AnswerFormat;
using prompts::AnswerPhrases;
using prompts::draw_places;
using prompts::QuantityFact;
namespace fs = std::filesystem;

constexpr std::string_view kId = "template";
constexpr const char* kListsFile = "lists.json";
constexpr const char* kForm = "form";
constexpr const char* kNegative = "negative";

/// A list of the user's, of which a sample gets one entry under the list's name.
struct Choices {
    std::string name;
    std::vector<std::string> entries;
};

/// What templates may name, beside the user's lists. docs/prompts.md explains them.
Keys known_keys() {
    using enum Key::Kind;
    const Keys quantity = {{"name"}, {"unit"}, {"typical"}, {"low"}, {"high"}, {"value"}};
    const Keys facts = {{"terms", texts},   {"term_list"},   {"instruments", texts},        {"instrument_list"},
                        {"objects", texts}, {"object_list"}, {"quantities", list, quantity}};
    const Keys named = {{"name"}, {"code"}, {"group"}, {"meaning"}};
    Keys label = {{"aliases", texts}, {"alias_list"}, {"words"}, {"primary", flag}};
    label.insert(label.end(), named.begin(), named.end());
    label.insert(label.end(), facts.begin(), facts.end());
    Keys category = {{"name"}, {"meaning"}, {"notes"}, {"hard", flag}};
    category.insert(category.end(), facts.begin(), facts.end());
    const Keys finding = {{"code"}, {"message"}};
    const Keys attempt = {{"number"}, {"reason"}, {"words"}, {"text"}, {"findings", list, finding}};
    return {{"taxonomy"},
            {"classes", list, named},
            {"labels", list, label},
            {"label_count"},
            {"label_words"},
            {"one", flag},
            {"parents", list, named},
            {"lookalikes", list, named},
            {"neighbours", list, named},
            {kNegative, object, category},
            {"form"},
            {"target_words"},
            {"attempts", list, attempt},
            {"plain", flag},
            {"tags", flag},
            {"json", flag},
            {"title_name"},
            {"text_name"}};
}

struct Options {
    std::string dir, system, user;
    std::uint32_t target_words = 0;
    std::size_t facts = 0;
    AnswerFormat format;
};

/// Names of tags and fields: what needs no escaping in either.
void check_name(const char* option, const std::string& name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    if (name.empty() || !std::ranges::all_of(name, fits))
        prompts::fail("option " + std::string(option), "'" + name + "' is not a word of letters, digits, '_' and '-'");
}

Options parse_options(std::string_view text) {
    const plugins::Options given(text);
    Options options;
    options.dir = given.text("dir");
    options.system = given.text("system");
    options.user = given.text("user");
    options.target_words = static_cast<std::uint32_t>(given.count("target_words"));
    options.facts = given.count("facts");
    const auto format = given.text("format");
    options.format.kind = format == "tags"   ? AnswerFormat::Kind::tags
                          : format == "json" ? AnswerFormat::Kind::json
                                             : AnswerFormat::Kind::plain;
    options.format.title = given.text("title_name");
    options.format.text = given.text("text_name");
    check_name("title_name", options.format.title);
    check_name("text_name", options.format.text);
    if (options.format.title == options.format.text)
        prompts::fail("option text_name", "is '" + options.format.text + "', as title_name is");
    return options;
}

/// The user's lists, each of which becomes a name of the templates.
std::vector<Choices> read_lists(const fs::path& file, Keys& keys) {
    std::vector<Choices> lists;
    for (const auto& [name, node] : prompts::read_json(file).members()) {
        const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
        if (name.empty() || !std::ranges::all_of(name, fits))
            prompts::fail(node.where(), "the name of a list has lower case letters, digits and '_' only");
        const bool known = std::ranges::find(keys, name, &Key::name) != keys.end();
        if (known && name != kForm) prompts::fail(node.where(), "'" + name + "' has a meaning in templates already");
        if (!known) keys.push_back({name});
        lists.push_back({name, node.texts()});
    }
    return lists;
}

struct Texts {
    std::optional<MustacheTemplate> system, user;
    std::vector<Choices> lists;
    AnswerPhrases phrases;
};

Texts read_texts(const Options& options, const fs::path& own) {
    const fs::path dir = options.dir.empty() ? own : fs::path(options.dir);
    if (!fs::is_directory(dir)) prompts::fail(dir.string(), "is not a folder");
    const auto in_dir = [&](const char* name) { return fs::exists(dir / name); };

    Texts texts;
    Keys keys = known_keys();
    if (in_dir(kListsFile)) texts.lists = read_lists(dir / kListsFile, keys);
    const auto read = [&](const fs::path& file) {
        auto parsed = MustacheTemplate::parse(prompts::read_text(file), keys, file.string());
        if (!parsed) throw prompts::Broken{std::move(parsed).error().message};
        return *std::move(parsed);
    };
    const fs::path user = options.user.empty() ? dir / "user.mustache" : fs::path(options.user);
    texts.user = read(user);
    if (!options.system.empty())
        texts.system = read(options.system);
    else if (in_dir("system.mustache"))
        texts.system = read(dir / "system.mustache");
    if (!texts.user->uses("labels"))
        prompts::fail(user.string(),
                      "does not use 'labels', so that all samples would be asked for the same; "
                      "{{#labels}} {{name}}: {{meaning}} {{/labels}}");
    texts.phrases = prompts::read_phrases((in_dir("answers.json") ? dir : own) / "answers.json");
    return texts;
}

Value named(const Label& label) {
    Value value = Value::object();
    value.set("name", label.name);
    value.set("code", label.code);
    value.set("group", label.group);
    value.set("meaning", label.meaning);
    return value;
}

/// The same facts as a list to loop over and as one text.
void set_texts(Value& value, const char* list_name, const char* text_name, const std::vector<std::string>& facts,
               std::span<const std::uint32_t> places) {
    Value list = Value::list();
    std::string text;
    for (const auto place : places) {
        list.push(facts[place]);
        prompts::append_item(text, facts[place]);
    }
    value.set(list_name, std::move(list));
    value.set(text_name, text);
}

std::string without_line_ends(std::string text) {
    while (!text.empty() && is_space(text.back())) text.pop_back();
    return text;
}

class TemplatePrompts final : public PromptStrategy {
public:
    static Result<std::unique_ptr<PromptStrategy>> create(Host& host, std::string_view options_json) {
        try {
            Options options = parse_options(options_json);
            Texts texts = read_texts(options, host.data_dir());
            return std::unique_ptr<PromptStrategy>(
                new TemplatePrompts(host.taxonomy(), std::move(options), std::move(texts)));
        } catch (const prompts::Broken& broken) {
            return prompts::error_of(broken, kId);
        }
    }

    Result<Prompt> compose(const SampleSpec& spec, std::span<const Attempt> earlier) const override {
        for (const LabelId label : spec.labels)
            if (label >= taxonomy_.labels.size()) return bad_spec(spec, "has a label that is not in the taxonomy");
        if (spec.drawn.empty()) return bad_spec(spec, "has no labels");

        Prompt prompt;
        const Value values = sample_values(spec, earlier, prompt.attributes);
        if (texts_.system) {
            std::string system = without_line_ends(texts_.system->render(run_values_, values));
            if (!system.empty()) prompt.messages.push_back({Role::system, std::move(system)});
        }
        std::string user = without_line_ends(texts_.user->render(run_values_, values));
        if (user.empty())
            return Error{ErrorCode::invalid_argument,
                         "prompt template: the user template has no text for sample " + std::to_string(spec.index),
                         {}};
        prompt.messages.push_back({Role::user, std::move(user)});
        prompt.target_words = options_.target_words;
        prompt.output_limit = prompts::output_limit(prompt.target_words, earlier);
        return prompt;
    }

    Result<Draft> extract(const SampleSpec& spec, std::span<const Attempt>,
                          const Completion& completion) const override {
        Result<Draft> draft = prompts::read_answer(completion, texts_.phrases, options_.format);
        const bool cut = !draft && draft.error().code == ErrorCode::truncated;
        if (!draft && !cut) return draft;
        prompts::Passages passages(cut ? completion.text : draft->text);
        if (passages.repeat()) return prompts::repetition_error();
        // A template may show an earlier answer, of which a better one keeps much.
        const Result<Prompt> asked = compose(spec, {});
        if (!asked) return asked.error();
        std::string all;
        for (const Message& message : asked->messages) all.append(message.text).append("\n");
        if ((passages.share(all) && passages.echo(prompts::HashSet(), all)) ||
            (!cut && title_is_copied(draft->title, all)))
            return prompts::echo_error();
        return draft;
    }

    std::unique_ptr<PlanSpread> spread() const override { return std::make_unique<Spread>(*this); }

private:
    class Spread final : public PlanSpread {
    public:
        explicit Spread(const TemplatePrompts& prompts)
            : prompts_(prompts), negatives_(prompts.taxonomy_.negative_categories) {
            for (const Choices& list : prompts.texts_.lists)
                lists_.emplace_back(prompts.taxonomy_.labels.size(), list.entries.size());
        }

        std::uint32_t next(const SampleSpec& spec) override {
            const std::uint64_t seed = derive_seed(spec.seed, "spread");
            prompts::VariantWriter variant;
            for (std::size_t i = 0; i < lists_.size(); ++i) {
                Random random(derive_seed(seed, prompts_.texts_.lists[i].name));
                variant.add(lists_[i].meet_least_met(spec.labels, random), lists_[i].values());
            }
            if (prompts_.taxonomy_.is_negative(spec.drawn)) {
                Random random(derive_seed(seed, kNegative));
                negatives_.meet(variant, random);
            }
            return variant.variant();
        }

    private:
        const TemplatePrompts& prompts_;
        std::vector<prompts::Meetings> lists_;  // as those of the prompts
        prompts::NegativeMeetings negatives_;
    };

    TemplatePrompts(const Taxonomy& taxonomy, Options options, Texts texts)
        : taxonomy_(taxonomy), options_(std::move(options)), texts_(std::move(texts)), run_values_(Value::object()) {
        for (const Label& label : taxonomy_.labels)
            label_quantities_.push_back(prompts::quantity_facts(label.quantities));
        for (const NegativeCategory& category : taxonomy_.negative_categories)
            category_quantities_.push_back(prompts::quantity_facts(category.quantities));

        Value classes = Value::list();
        for (std::size_t i = 0; i < taxonomy_.labels.size(); ++i)
            if (taxonomy_.negative != static_cast<LabelId>(i)) classes.push(named(taxonomy_.labels[i]));
        run_values_.set("classes", std::move(classes));
        run_values_.set("taxonomy", taxonomy_.name);
        run_values_.set("target_words", std::to_string(options_.target_words));
        run_values_.set("plain", options_.format.kind == AnswerFormat::Kind::plain);
        run_values_.set("tags", options_.format.kind == AnswerFormat::Kind::tags);
        run_values_.set("json", options_.format.kind == AnswerFormat::Kind::json);
        run_values_.set("title_name", options_.format.title);
        run_values_.set("text_name", options_.format.text);
    }

    static Error bad_spec(const SampleSpec& spec, const char* what) {
        return {ErrorCode::internal, "prompt template: sample " + std::to_string(spec.index) + " " + what, {}};
    }

    /// "the title of the document", from how the answer is to look.
    [[nodiscard]] bool title_is_copied(const std::string& title, std::string_view prompt) const {
        if (title.empty()) return false;
        const std::string& name = options_.format.title;
        switch (options_.format.kind) {
            case AnswerFormat::Kind::plain: return prompt.find("TITLE: " + title + "\n") != prompt.npos;
            case AnswerFormat::Kind::tags: return prompt.find("<" + name + ">" + title + "</") != prompt.npos;
            case AnswerFormat::Kind::json: return prompt.find("\"" + name + "\": \"" + title + "\"") != prompt.npos;
        }
        return false;
    }

    /// Everything that belongs to the sample. What is drawn from the seed has one of its own by name, so that without a
    /// variant a list more or less changes nothing else.
    [[nodiscard]] Value sample_values(const SampleSpec& spec, std::span<const Attempt> earlier,
                                      std::vector<Attribute>& attributes) const {
        const std::uint64_t seed = derive_seed(spec.seed, "template");
        const auto count = static_cast<std::uint32_t>(spec.drawn.size());
        const std::string label_words = std::to_string(options_.target_words / count);
        Value values = Value::object();
        values.set(kForm, "");
        prompts::VariantReader chosen(spec.variant);
        for (const Choices& list : texts_.lists) {
            Random random(derive_seed(seed, list.name));
            const auto& drawn = list.entries[chosen.next(list.entries.size(), random)];
            values.set(list.name, drawn);
            attributes.push_back({list.name, drawn});
        }

        Value labels = Value::list();
        for (const LabelId label : spec.drawn) labels.push(label_value(label, spec, seed, label_words));
        values.set("labels", std::move(labels));
        values.set("label_count", std::to_string(count));
        values.set("label_words", label_words);
        values.set("one", count == 1);

        Value parents = Value::list();
        for (const LabelId label : spec.labels)
            if (!spec.drawn.contains(label)) parents.push(named(taxonomy_[label]));
        values.set("parents", std::move(parents));
        set_exclusions(values, spec);

        if (taxonomy_.is_negative(spec.drawn))
            set_negative(values, attributes, chosen, seed);
        else
            values.set(kNegative, false);
        values.set("attempts", attempts_value(earlier));
        return values;
    }

    [[nodiscard]] Value label_value(LabelId id, const SampleSpec& spec, std::uint64_t seed,
                                    const std::string& words) const {
        const Label& label = taxonomy_[id];
        Random random(derive_seed(seed, label.code));
        Value value = named(label);
        value.set("words", words);
        value.set("primary", id == spec.primary);
        std::vector<std::uint32_t> all(label.aliases.size());
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint32_t>(i);
        set_texts(value, "aliases", "alias_list", label.aliases, all);
        set_facts(value, random, label.terms, label.instruments, label.objects, label_quantities_[id]);
        return value;
    }

    /// The form of a category takes the place of one from the user's list.
    void set_negative(Value& values, std::vector<Attribute>& attributes, prompts::VariantReader& chosen,
                      std::uint64_t seed) const {
        Random random(derive_seed(seed, kNegative));
        const std::size_t drawn = chosen.next(taxonomy_.negative_categories.size(), random);
        const NegativeCategory& category = taxonomy_.negative_categories[drawn];
        if (!category.forms.empty()) {
            const std::string& form = category.forms[chosen.next(category.forms.size(), random)];
            values.set(kForm, form);
            std::erase_if(attributes, [](const Attribute& attribute) { return attribute.name == kForm; });
            attributes.push_back({kForm, form});
        }
        attributes.push_back({"category", category.name});
        Value value = Value::object();
        value.set("name", category.name);
        value.set("meaning", category.meaning);
        value.set("notes", category.notes);
        value.set("hard", category.hard);
        set_facts(value, random, category.terms, category.instruments, {}, category_quantities_[drawn]);
        values.set(kNegative, std::move(value));
    }

    void set_facts(Value& value, Random& random, const std::vector<std::string>& terms,
                   const std::vector<std::string>& instruments, const std::vector<std::string>& objects,
                   const std::vector<QuantityFact>& quantities) const {
        const auto draw = [&](std::size_t size) { return draw_places(random, size, options_.facts); };
        set_texts(value, "terms", "term_list", terms, draw(terms.size()));
        set_texts(value, "instruments", "instrument_list", instruments, draw(instruments.size()));
        set_texts(value, "objects", "object_list", objects, draw(objects.size()));
        Value list = Value::list();
        for (const auto place : draw(quantities.size())) {
            const QuantityFact& fact = quantities[place];
            std::string drawn;
            if (fact.draw) prompts::append(drawn, (*fact.draw)(random));
            Value quantity = Value::object();
            quantity.set("name", fact.name);
            quantity.set("unit", fact.unit);
            quantity.set("typical", fact.typical);
            quantity.set("low", fact.low);
            quantity.set("high", fact.high);
            quantity.set("value", drawn);
            list.push(std::move(quantity));
        }
        value.set("quantities", std::move(list));
    }

    /// What the document must not be about: labels that are confused with its own, and others that they are met with.
    void set_exclusions(Value& values, const SampleSpec& spec) const {
        Value lookalikes = Value::list();
        Value neighbours = Value::list();
        for (std::size_t i = 0; i < taxonomy_.labels.size(); ++i) {
            const auto id = static_cast<LabelId>(i);
            if (taxonomy_.negative == id || spec.labels.contains(id) || taxonomy_.covers(spec.labels, id)) continue;
            bool confused = false;
            bool met = false;
            for (const LabelId own : spec.drawn) {
                const Label& label = taxonomy_[own];
                confused = confused || std::ranges::find(label.confusable, id) != label.confusable.end();
                met = met || std::ranges::find(label.cooccurs, id, &Cooccurrence::label) != label.cooccurs.end();
            }
            if (confused)
                lookalikes.push(named(taxonomy_[id]));
            else if (met)
                neighbours.push(named(taxonomy_[id]));
        }
        values.set("lookalikes", std::move(lookalikes));
        values.set("neighbours", std::move(neighbours));
    }

    /// Those from which the model can learn: not the ones that never reached it.
    static Value attempts_value(std::span<const Attempt> earlier) {
        Value attempts = Value::list();
        for (const Attempt& attempt : earlier) {
            const bool answered = !attempt.error || attempt.error == ErrorCode::refused ||
                                  attempt.error == ErrorCode::malformed || attempt.error == ErrorCode::truncated;
            if (!answered) continue;
            Value findings = Value::list();
            for (const Finding& finding : attempt.findings) {
                if (finding.severity != Severity::rejection) continue;
                Value one = Value::object();
                one.set("code", finding.code);
                one.set("message", finding.message);
                findings.push(std::move(one));
            }
            Value one = Value::object();
            one.set("number", std::to_string(attempt.number));
            one.set("reason", !attempt.error           ? std::string_view("rejected")
                              : attempt.reason.empty() ? name_of(*attempt.error)
                                                       : std::string_view(attempt.reason));
            one.set("words", std::to_string(count_words(attempt.text)));
            std::string text;  // may be what was not UTF-8
            plugins::append_text(text, attempt.text);
            one.set("text", text);
            one.set("findings", std::move(findings));
            attempts.push(std::move(one));
        }
        return attempts;
    }

    const Taxonomy& taxonomy_;
    Options options_;
    Texts texts_;
    Value run_values_;                                            // the same for all samples
    std::vector<std::vector<QuantityFact>> label_quantities_;     // by label
    std::vector<std::vector<QuantityFact>> category_quantities_;  // by negative category
};

}  // namespace
}  // namespace synth::templates

SYNTH_PLUGIN(synth::PromptStrategy, synth::templates::TemplatePrompts, "template", "0.1.0",
             "prompts from your own template files (Mustache), for any taxonomy",
             R"({"type": "object", "properties": {
                 "dir": {"type": "string", "default": "",
                         "description": "folder with user.mustache, and system.mustache and lists.json where wanted; empty: the plugin's own, for any taxonomy"},
                 "system": {"type": "string", "default": "", "description": "file of the system message, instead of the folder's"},
                 "user": {"type": "string", "default": "", "description": "file of the user message, instead of the folder's"},
                 "target_words": {"type": "integer", "default": 1178, "minimum": 50, "maximum": 20000,
                                  "description": "words that a document should have"},
                 "facts": {"type": "integer", "default": 4, "minimum": 0, "maximum": 50,
                           "description": "most terms, instruments, objects and quantities that a label gets, each"},
                 "format": {"type": "string", "enum": ["plain", "tags", "json"], "default": "plain",
                            "description": "how the answer holds title and text: first line, tags, or fields of a JSON object"},
                 "title_name": {"type": "string", "default": "title", "description": "tag or field of the title"},
                 "text_name": {"type": "string", "default": "text", "description": "tag or field of the text"}}})");
