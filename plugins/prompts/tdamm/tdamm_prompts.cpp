#include "tdamm_prompts.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/answer.hpp"
#include "common/facts.hpp"
#include "common/numbers.hpp"
#include "common/passages.hpp"
#include "common/spread.hpp"
#include "synth/random.hpp"
#include "synth/text.hpp"
#include "text_template.hpp"

namespace synth::tdamm {
namespace {

using namespace prompts;

constexpr std::size_t kMostWithThirtyPercent = 3;
constexpr std::string_view kTitle = "TITLE: ";  // how an answer is to begin, as system messages say it

/// A code stands for its label and for those below it: "MMA_M_G" for "MMA_M_G_CBI".
bool matches(const std::vector<std::string>& codes, std::string_view label) {
    return std::ranges::any_of(codes, [&](std::string_view code) {
        return label.starts_with(code) && (label.size() == code.size() || label[code.size()] == '_');
    });
}

/// For texts that stand before a line end of another one.
void drop_line_end(std::string& text) {
    if (text.ends_with('\n')) text.pop_back();
}

/// A string for what usually has so many bytes: it does not grow piece by piece.
std::string with_room(std::size_t usual) {
    std::string text;
    text.reserve(usual);
    return text;
}

std::string draw_list(Random& random, const std::vector<std::string>& facts, std::size_t count) {
    std::string list = with_room(256);
    for (const auto place : draw_places(random, facts.size(), count)) append_item(list, facts[place]);
    return list;
}

std::string draw_date(Random& random, int first_year, int last_year) {
    using namespace std::chrono;
    const sys_days first = year{first_year} / January / 1;
    const sys_days end = year{last_year + 1} / January / 1;
    const year_month_day date{first + days{random.below(static_cast<std::uint64_t>((end - first).count()))}};
    const auto two = [](unsigned number) { return (number < 10 ? "-0" : "-") + std::to_string(number); };
    return std::to_string(static_cast<int>(date.year())) + two(static_cast<unsigned>(date.month())) +
           two(static_cast<unsigned>(date.day()));
}

constexpr std::string_view kTooShort = "too_short", kContinuation = "continuation";
constexpr int kMostContinuations = 2;           ///< of one text, then it is written anew
constexpr std::size_t kLeastBegunPercent = 40;  ///< of the words that were asked for

class TdammPrompts final : public PromptStrategy {
public:
    TdammPrompts(const Taxonomy& taxonomy, PromptData data, const Options& options, std::string_view plugin,
                 std::unique_ptr<const Preface> preface)
        : taxonomy_(taxonomy),
          data_(std::move(data)),
          system_runs_(runs_in(system_texts(data_))),
          known_passages_(known_texts(taxonomy, data_)),
          target_words_(options.target_words),
          // All of a text is no lead.
          lead_words_(options.lead_words > 0 && options.lead_words < options.target_words
                          ? std::to_string(options.lead_words)
                          : std::string()),
          plugin_(plugin),
          preface_(std::move(preface)) {
        for (const std::string_view text : system_texts(data_))
            for (std::size_t at = 0; (at = text.find(kTitle, at)) != std::string_view::npos;) {
                at += kTitle.size();
                system_titles_.push_back(text.substr(at, text.find('\n', at) - at));
            }
        for (const Label& label : taxonomy_.labels) label_quantities_.push_back(quantity_facts(label.quantities));
        for (const NegativeCategory& category : taxonomy_.negative_categories)
            category_quantities_.push_back(quantity_facts(category.quantities));
        for (const Form& form : data_.forms) {
            std::vector<bool>& fits = form_fits_.emplace_back();
            for (const Label& label : taxonomy_.labels)
                fits.push_back(form.codes.empty() || matches(form.codes, label.code));
        }
    }

    Result<Prompt> compose(const SampleSpec& spec, std::span<const Attempt> earlier) const override {
        for (const LabelId label : spec.drawn)
            if (label >= taxonomy_.labels.size()) return bad_spec(spec, "has a label that is not in the taxonomy");
        if (spec.drawn.empty()) return bad_spec(spec, "has no labels");
        Random random(derive_seed(spec.seed, "prompt"));
        Prompt prompt =
            taxonomy_.is_negative(spec.drawn) ? compose_negative(spec, random) : compose_document(spec, random);
        const auto begun = unfinished(prompt.target_words, earlier);
        if (!begun) append_repairs(prompt, earlier);
        if (preface_) prompt.messages.back().text.insert(0, preface_->text(spec));
        if (begun) {
            append_continuation(prompt, *begun);
        } else {
            prompt.output_limit = output_limit(prompt.target_words, earlier);
        }
        return prompt;
    }

    Result<Draft> extract(const SampleSpec& spec, std::span<const Attempt> earlier,
                          const Completion& completion) const override {
        Result<Draft> draft = read_answer(completion, data_.phrases);
        const bool cut = !draft && draft.error().code == ErrorCode::truncated;
        if (!draft && !cut) return draft;
        if (!cut && !earlier.empty()) {
            const Result<Prompt> first = compose(spec, {});
            if (!first) return first.error();
            if (auto begun = unfinished(first->target_words, earlier)) {
                begun->add(std::move(*draft));
                draft = Draft{std::move(begun->title), std::move(begun->text)};
            }
        }
        const std::string_view title = cut ? std::string_view() : draft->title;
        Passages passages(cut ? completion.text : draft->text);
        // A loop ends only at the output limit: more room would buy more of it.
        if (passages.repeat()) return repetition_error();
        if (!may_copy(title, passages, earlier)) return draft;
        const Result<Prompt> asked = compose(spec, earlier);
        if (!asked) return asked.error();
        const bool title_copied =  // "the title of the document", from how the answer is to look
            !title.empty() &&
            asked->messages.front().text.find(std::string(kTitle).append(title) + "\n") != std::string::npos;
        if (title_copied || passages.echo(system_runs_, asked->messages[1].text)) return echo_error();
        return draft;
    }

    std::unique_ptr<PlanSpread> spread() const override { return std::make_unique<Spread>(*this); }

private:
    class Spread final : public PlanSpread {
    public:
        explicit Spread(const TdammPrompts& prompts)
            : prompts_(prompts),
              forms_(prompts.taxonomy_.labels.size(), prompts.data_.forms.size()),
              angles_(prompts.taxonomy_.labels.size(), prompts.data_.angles.size()),
              negatives_(prompts.taxonomy_.negative_categories) {}

        std::uint32_t next(const SampleSpec& spec) override {
            Random random(derive_seed(spec.seed, "spread"));
            VariantWriter variant;
            if (prompts_.taxonomy_.is_negative(spec.drawn)) {
                negatives_.meet(variant, random);
            } else {
                prompts_.find_fitting_forms(spec, fitting_);
                variant.add(forms_.meet_least_met(spec.labels, fitting_, random), fitting_.size());
                variant.add(angles_.meet_least_met(spec.labels, random), angles_.values());
            }
            return variant.variant();
        }

    private:
        const TdammPrompts& prompts_;
        Meetings forms_, angles_;
        NegativeMeetings negatives_;
        std::vector<std::size_t> fitting_;  // of the sample
    };

    static std::vector<std::string_view> system_texts(const PromptData& data) {
        std::vector<std::string_view> texts{data.negative_default.system};
        for (const Form& form : data.forms) texts.emplace_back(form.system);
        for (const auto& [name, form] : data.negative_forms) texts.emplace_back(form.system);
        return texts;
    }

    /// What prompts are put together from, but for the facts that are drawn one by one.
    static std::vector<std::string_view> known_texts(const Taxonomy& taxonomy, const PromptData& data) {
        std::vector<std::string_view> texts = system_texts(data);
        for (const TextTemplate* text : {&data.document, &data.label, &data.quantity, &data.negative})
            std::ranges::move(text->texts(), std::back_inserter(texts));
        for (const Form& form : data.forms) texts.emplace_back(form.structure);
        for (const Family& family : data.families) texts.emplace_back(family.requirement);
        for (const Label& label : taxonomy.labels) texts.emplace_back(label.meaning);
        texts.emplace_back(data.negative_default.structure);
        for (const auto& [name, form] : data.negative_forms) texts.emplace_back(form.structure);
        for (const NegativeCategory& category : taxonomy.negative_categories) {
            texts.emplace_back(category.meaning);
            texts.emplace_back(category.notes);
        }
        return texts;
    }

    /// False for nearly every document, which then needs no prompt to be compared with: it would be an echo of drawn
    /// facts alone, without ten words in a row of what stands between them. Repairs and what a preface shows are not
    /// among the known texts.
    [[nodiscard]] bool may_copy(std::string_view title, Passages& passages, std::span<const Attempt> earlier) const {
        return preface_ || !earlier.empty() || std::ranges::find(system_titles_, title) != system_titles_.end() ||
               passages.share(known_passages_);
    }

    [[nodiscard]] Error bad_spec(const SampleSpec& spec, const char* what) const {
        return {ErrorCode::internal, "prompt " + plugin_ + ": sample " + std::to_string(spec.index) + " " + what, {}};
    }

    [[nodiscard]] bool any_matches(const LabelSet& labels, const std::vector<std::string>& codes) const {
        return std::ranges::any_of(labels, [&](LabelId label) { return matches(codes, taxonomy_[label].code); });
    }

    /// Places in data_.forms.
    void find_fitting_forms(const SampleSpec& spec, std::vector<std::size_t>& forms) const {
        forms.clear();
        for (std::size_t i = 0; i < form_fits_.size(); ++i)
            if (std::ranges::any_of(spec.drawn, [&](LabelId label) { return form_fits_[i][label]; }))
                forms.push_back(i);
    }

    Prompt compose_document(const SampleSpec& spec, Random& random) const {
        std::vector<std::size_t> fitting;
        find_fitting_forms(spec, fitting);
        VariantReader chosen(spec.variant);
        const Form& form = data_.forms[fitting[chosen.next(fitting.size(), random)]];
        const std::string& angle = data_.angles[chosen.next(data_.angles.size(), random)];
        const std::string date = draw_date(random, data_.first_year, data_.last_year);

        const auto count = static_cast<std::uint32_t>(spec.drawn.size());
        const std::string label_count = std::to_string(count);
        const std::string label_words = std::to_string(target_words_ / count);
        const std::string least_words = std::to_string(target_words_ * 3 / 10 + 1);
        const std::string target_words = std::to_string(target_words_);

        std::string labels = with_room(4096);
        for (const LabelId label : spec.drawn) append_label(labels, label, label_words, random);
        drop_line_end(labels);

        std::string requirements = with_room(1024);
        for (const Family& family : data_.families)
            if (any_matches(spec.drawn, family.codes)) append_line(requirements, family.requirement);

        std::string parents;
        for (const LabelId label : spec.labels)
            if (!spec.drawn.contains(label)) append_meaning(parents, label);

        std::string lookalikes = with_room(2048);
        std::string neighbours = with_room(512);
        append_exclusions(spec, lookalikes, neighbours);

        Values values;
        values[Place::form] = form.name;
        values[Place::structure] = form.structure;
        values[Place::angle] = angle;
        values[Place::date] = date;
        values[Place::labels] = labels;
        values[Place::parents] = parents;
        values[Place::requirements] = requirements;
        values[Place::target_words] = target_words;
        values[Place::label_count] = label_count;
        values[Place::label_words] = label_words;
        values[Place::lead_words] = lead_words_;
        values[Place::least_words] = least_words;
        values[count == 1 ? Place::one : count <= kMostWithThirtyPercent ? Place::few : Place::many] = label_count;
        values[Place::lookalikes] = lookalikes;
        values[Place::neighbours] = neighbours;
        Prompt prompt = finish(form.system, data_.document, values, target_words_);
        prompt.attributes = {{"form", form.name}, {"angle", angle}};
        return prompt;
    }

    void append_label(std::string& out, LabelId id, std::string_view label_words, Random& random) const {
        const Label& label = taxonomy_[id];
        const std::string terms = draw_list(random, label.terms, data_.draw.terms);
        const std::string instruments = draw_list(random, label.instruments, data_.draw.instruments);
        const std::string objects = draw_list(random, label.objects, data_.draw.objects);
        const std::string quantities = draw_quantities(random, label_quantities_[id]);
        Values values;
        values[Place::name] = label.name;
        values[Place::meaning] = label.meaning;
        values[Place::label_words] = label_words;
        values[Place::terms] = terms;
        values[Place::instruments] = instruments;
        values[Place::objects] = objects;
        values[Place::quantities] = quantities;
        data_.label.render(values, out);
    }

    std::string draw_quantities(Random& random, const std::vector<QuantityFact>& facts) const {
        std::string out = with_room(1024);
        std::string value;
        for (const auto place : draw_places(random, facts.size(), data_.draw.quantities)) {
            const QuantityFact& fact = facts[place];
            value.clear();
            if (fact.draw) append(value, (*fact.draw)(random));
            Values values;
            values[Place::name] = fact.name;
            values[Place::unit] = fact.unit;
            values[Place::typical] = fact.typical;
            values[Place::value] = value;
            values[Place::low] = fact.low;
            values[Place::high] = fact.high;
            data_.quantity.render(values, out);
        }
        drop_line_end(out);
        return out;
    }

    /// What the document must not be about: labels that are confused with its own, and others that they are met with.
    void append_exclusions(const SampleSpec& spec, std::string& lookalikes, std::string& neighbours) const {
        enum : std::uint8_t { kNeighbour = 1, kLookalike = 2 };
        std::vector<std::uint8_t> marks(taxonomy_.labels.size());
        for (const LabelId own : spec.drawn) {
            for (const Cooccurrence& other : taxonomy_[own].cooccurs) marks[other.label] |= kNeighbour;
            for (const LabelId other : taxonomy_[own].confusable) marks[other] |= kLookalike;
        }
        for (std::size_t i = 0; i < marks.size(); ++i) {
            const auto id = static_cast<LabelId>(i);
            if (marks[i] == 0 || taxonomy_.negative == id || spec.labels.contains(id) ||
                taxonomy_.covers(spec.labels, id))
                continue;
            if ((marks[i] & kLookalike) != 0) {
                append_meaning(lookalikes, id);
            } else {
                append_item(neighbours, taxonomy_[id].name);
            }
        }
    }

    static void append_line(std::string& out, std::string_view text) {
        out.append(out.empty() ? "- " : "\n- ").append(text);
    }
    void append_meaning(std::string& out, LabelId label) const {
        append_line(out, taxonomy_[label].name);
        out.append(": ").append(taxonomy_[label].meaning);
    }

    Prompt compose_negative(const SampleSpec& spec, Random& random) const {
        VariantReader chosen(spec.variant);
        const std::size_t drawn = chosen.next(taxonomy_.negative_categories.size(), random);
        const NegativeCategory& category = taxonomy_.negative_categories[drawn];
        const std::string& name =
            category.forms.empty() ? data_.negative_name : category.forms[chosen.next(category.forms.size(), random)];
        const auto known = data_.negative_forms.find(name);
        const NegativeForm& form = known == data_.negative_forms.end() ? data_.negative_default : known->second;
        std::uint32_t words = target_words_;
        if (form.words)
            words = std::min(words, static_cast<std::uint32_t>(random.between(form.words->low, form.words->high)));
        const std::string target_words = std::to_string(words);
        const std::string date = draw_date(random, data_.first_year, data_.last_year);
        const std::string terms = draw_list(random, category.terms, data_.draw.terms);
        const std::string instruments = draw_list(random, category.instruments, data_.draw.instruments);
        const std::string quantities = draw_quantities(random, category_quantities_[drawn]);

        Values values;
        values[Place::category] = category.name;
        values[Place::meaning] = category.meaning;
        values[Place::form] = name;
        values[Place::structure] = form.structure;
        values[Place::date] = date;
        values[Place::terms] = terms;
        values[Place::instruments] = instruments;
        values[Place::quantities] = quantities;
        values[Place::avoid] = category.notes;
        values[Place::hard] = category.hard ? "hard" : "";
        values[Place::target_words] = target_words;
        Prompt prompt = finish(form.system, data_.negative, values, words);
        prompt.attributes = {{"form", name}, {"category", category.name}};
        return prompt;
    }

    static Prompt finish(const std::string& system, const TextTemplate& user, const Values& values,
                         std::uint32_t words) {
        Prompt prompt;
        prompt.messages.reserve(2);
        prompt.messages.push_back({Role::system, system});
        std::string& text = prompt.messages.emplace_back(Role::user, with_room(8192)).text;
        user.render(values, text);
        prompt.target_words = words;
        return prompt;
    }

    /// A text that is good but for its length, and how often it has been continued.
    struct Unfinished {
        std::string title, text;
        int times = 0;

        /// What was written next: more of it, or, as models do, all of it once more.
        void add(Draft next) {
            constexpr std::size_t kBeginning = 80;
            if (next.text.starts_with(std::string_view(text).substr(0, kBeginning)))
                text = std::move(next.text);
            else
                text.append("\n\n").append(next.text);
            ++times;
        }
    };

    /// The text to continue; nothing: the next answer is a new one. A continuation costs the tokens of the text as
    /// input and saves them as output, which is dearer with every provider.
    [[nodiscard]] std::optional<Unfinished> unfinished(std::uint32_t target_words,
                                                       std::span<const Attempt> earlier) const {
        std::optional<Unfinished> text;
        if (!data_.repairs.contains(kContinuation)) return text;  // a user's folder may lack it
        for (const Attempt& attempt : earlier) {
            if (attempt.error == ErrorCode::unavailable) continue;
            const bool only_short =
                !attempt.error && attempt.finish != FinishReason::length &&
                std::ranges::any_of(attempt.findings,
                                    [](const Finding& finding) { return finding.severity == Severity::rejection; }) &&
                std::ranges::all_of(attempt.findings, [](const Finding& finding) {
                    return finding.severity != Severity::rejection || finding.code == kTooShort;
                });
            auto draft = only_short ? read_answer({attempt.text, FinishReason::stop}, data_.phrases)
                                    : Result<Draft>(repetition_error());
            if (!draft) {
                text.reset();
                continue;
            }
            if (text)
                text->add(std::move(*draft));
            else
                text = Unfinished{std::move(draft->title), std::move(draft->text)};
            if (text->times == kMostContinuations || count_words(text->text) * 100 < target_words * kLeastBegunPercent)
                text.reset();
        }
        return text;
    }

    void append_continuation(Prompt& prompt, const Unfinished& begun) const {
        const std::size_t has = count_words(begun.text);
        const std::size_t lacks = prompt.target_words > has ? prompt.target_words - has : 0;
        prompt.messages.push_back({Role::assistant, begun.text});
        const std::string words = std::to_string(has);
        const std::string target_words = std::to_string(lacks + lacks / 10 + 50);
        Values values;
        values[Place::words] = words;
        values[Place::target_words] = target_words;
        data_.repairs.find(kContinuation)->second.render(values, prompt.messages.emplace_back(Message{}).text);
        prompt.output_limit = output_limit(static_cast<std::uint32_t>(2 * lacks + 200), {});
    }

    /// Tells what was wrong with earlier answers, after everything else: what comes before stays in the prompt cache.
    void append_repairs(Prompt& prompt, std::span<const Attempt> earlier) const {
        struct Repair {
            std::string_view name;
            std::string findings;
            std::size_t words;
        };
        std::vector<Repair> repairs;
        const auto repair = [&](std::string_view name, std::string_view fallback, const Attempt& attempt) -> Repair& {
            if (!data_.repairs.contains(name)) name = fallback;
            const auto known = std::ranges::find(repairs, name, &Repair::name);
            Repair& found = known == repairs.end() ? repairs.emplace_back(Repair{name, {}, 0}) : *known;
            found.words = count_words(attempt.text);
            return found;
        };
        for (const Attempt& attempt : earlier) {
            if (!attempt.error) {
                for (const Finding& finding : attempt.findings) {
                    if (finding.severity != Severity::rejection) continue;
                    std::string& findings = repair(finding.code, "rejected", attempt).findings;
                    if (findings.find(finding.message) == std::string::npos) append_line(findings, finding.message);
                }
            } else if (attempt.error == ErrorCode::refused || attempt.error == ErrorCode::malformed ||
                       attempt.error == ErrorCode::truncated) {
                repair(attempt.reason, name_of(*attempt.error), attempt);
            }
        }
        const std::string target_words = std::to_string(prompt.target_words);
        for (const Repair& made : repairs) {
            const std::string words = made.words == 0 ? std::string() : std::to_string(made.words);
            Values values;
            values[Place::findings] = made.findings;
            values[Place::words] = words;
            values[Place::target_words] = target_words;
            std::string& text = prompt.messages.back().text;
            text += '\n';
            data_.repairs.find(made.name)->second.render(values, text);
        }
    }

    const Taxonomy& taxonomy_;
    PromptData data_;
    HashSet system_runs_;                          ///< of all system messages
    PassageSet known_passages_;                    ///< of `known_texts`
    std::vector<std::string_view> system_titles_;  ///< what stands behind kTitle in system messages
    std::uint32_t target_words_;
    std::string lead_words_;  ///< empty: none
    std::string plugin_;
    std::unique_ptr<const Preface> preface_;
    std::vector<std::vector<bool>> form_fits_;                    // by form and label
    std::vector<std::vector<QuantityFact>> label_quantities_;     // by label
    std::vector<std::vector<QuantityFact>> category_quantities_;  // by negative category
};

}  // namespace

Result<std::unique_ptr<PromptStrategy>> make_prompts(Host& host, PromptData data, const Options& options,
                                                     std::string_view plugin, std::unique_ptr<const Preface> preface) {
    if (options.lead_words > 0 && !data.document.has(Place::lead_words))
        return Error{ErrorCode::invalid_argument,
                     "prompt " + std::string(plugin) +
                         ": lead_words needs the place '{{lead_words}}' in document.md of " + options.dir,
                     {}};
    const Taxonomy& taxonomy = host.taxonomy();
    const auto fits = [&](const Family& family) {
        return std::ranges::any_of(taxonomy.labels,
                                   [&](const Label& label) { return matches(family.codes, label.code); });
    };
    if (std::ranges::none_of(data.families, fits))
        host.log(LogLevel::warning, "these prompts are for other classes than those of taxonomy '" + taxonomy.name +
                                        "': --prompts template fits any, or prompt.dir=DIR names a folder of yours");
    return std::unique_ptr<PromptStrategy>(
        std::make_unique<TdammPrompts>(taxonomy, std::move(data), options, plugin, std::move(preface)));
}

}  // namespace synth::tdamm
