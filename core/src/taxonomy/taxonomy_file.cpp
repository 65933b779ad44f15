#include "taxonomy/taxonomy_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "common/json_text.hpp"
#include "config/options_schema.hpp"

namespace synth::core {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kMaxLabels = std::numeric_limits<LabelId>::max();

/// What is wrong with a file. Thrown and caught inside this unit only.
struct InvalidFile {
    Error error;
};

[[noreturn]] void fail(std::string_view source, std::string_view place, const std::string& what) {
    std::string where(source);
    if (!place.empty()) where.append(": ").append(place);
    throw InvalidFile{{ErrorCode::invalid_argument, where + ": " + what, "bad_taxonomy"}};
}

/// A value in a JSON document, with the place that errors name.
class At {
public:
    At(const json& value, std::string_view source, std::string place = {})
        : value_(&value), source_(source), place_(std::move(place)) {}

    [[noreturn]] void fail(const std::string& what) const { core::fail(source_, place_, what); }

    /// Checks that this is an object with no other members than `known`.
    void expect_members(std::initializer_list<const char*> known) const {
        expect(value_->is_object(), "an object");
        const std::vector<std::string> names(known.begin(), known.end());
        for (const auto& item : value_->items()) {
            if (std::ranges::find(names, item.key()) != names.end()) continue;
            const std::string near = nearest(item.key(), names);
            fail("unknown key '" + item.key() + "'" + (near.empty() ? "" : ", did you mean '" + near + "'?"));
        }
    }
    [[nodiscard]] std::optional<At> find(const char* key) const {
        const auto found = value_->find(key);
        if (found == value_->end()) return std::nullopt;
        return At(*found, source_, place_ + '/' + key);
    }
    [[nodiscard]] At get(const char* key) const {
        if (auto member = find(key)) return *std::move(member);
        fail("'" + std::string(key) + "' is missing");
    }
    [[nodiscard]] std::vector<At> elements() const {
        expect(value_->is_array(), "an array");
        std::vector<At> all;
        for (std::size_t i = 0; i < value_->size(); ++i)
            all.emplace_back((*value_)[i], source_, place_ + '/' + std::to_string(i));
        return all;
    }
    [[nodiscard]] std::vector<std::pair<std::string, At>> members() const {
        expect(value_->is_object(), "an object");
        std::vector<std::pair<std::string, At>> all;
        for (const auto& item : value_->items())
            all.emplace_back(item.key(), At(item.value(), source_, place_ + '/' + item.key()));
        return all;
    }

    [[nodiscard]] std::string text() const {
        expect(value_->is_string(), "a string");
        return value_->get<std::string>();
    }
    [[nodiscard]] std::string word() const {
        std::string value = text();
        if (value.empty()) fail("is empty");
        return value;
    }
    [[nodiscard]] bool boolean() const {
        expect(value_->is_boolean(), "true or false");
        return value_->get<bool>();
    }
    [[nodiscard]] double number() const {
        expect(value_->is_number() && std::isfinite(value_->get<double>()), "a number");
        return value_->get<double>();
    }
    [[nodiscard]] std::uint32_t weight() const {
        constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
        expect(value_->is_number_unsigned() && value_->get<std::uint64_t>() > 0 && value_->get<std::uint64_t>() <= kMax,
               "a whole number from 1 to " + std::to_string(kMax));
        return static_cast<std::uint32_t>(value_->get<std::uint64_t>());
    }

    [[nodiscard]] std::string text_or_empty(const char* key) const {
        const auto member = find(key);
        return member ? member->text() : std::string();
    }
    /// The strings of an array member, each once; none when it is absent.
    [[nodiscard]] std::vector<std::string> words(const char* key) const {
        std::vector<std::string> all;
        const auto member = find(key);
        if (!member) return all;
        for (const At& element : member->elements()) {
            std::string value = element.word();
            if (std::ranges::find(all, value) != all.end()) element.fail("'" + value + "' is listed twice");
            all.push_back(std::move(value));
        }
        return all;
    }

private:
    void expect(bool holds, const std::string& what) const {
        if (!holds)
            fail("must be " + what + ", is " +
                 (value_->is_number() ? plugins::json_text(*value_) : value_->type_name()));
    }

    const json* value_;
    std::string_view source_;
    std::string place_;
};

std::vector<Quantity> read_quantities(const At& owner) {
    std::vector<Quantity> all;
    const auto list = owner.find("quantities");
    if (!list) return all;
    for (const At& at : list->elements()) {
        at.expect_members({"name", "unit", "typical", "low", "high"});
        Quantity quantity;
        quantity.name = at.get("name").word();
        quantity.unit = at.text_or_empty("unit");
        quantity.typical = at.text_or_empty("typical");
        if (const auto low = at.find("low")) quantity.low = low->number();
        if (const auto high = at.find("high")) quantity.high = high->number();
        if (quantity.low && quantity.high && *quantity.low > *quantity.high) at.fail("'low' is above 'high'");
        all.push_back(std::move(quantity));
    }
    return all;
}

std::vector<NegativeCategory> read_categories(const At& list) {
    std::vector<NegativeCategory> all;
    for (const At& at : list.elements()) {
        at.expect_members({"id", "name", "meaning", "terms", "instruments", "forms", "quantities", "hard", "notes"});
        NegativeCategory category;
        category.id = at.get("id").word();
        category.name = at.get("name").word();
        category.meaning = at.text_or_empty("meaning");
        category.terms = at.words("terms");
        category.instruments = at.words("instruments");
        category.forms = at.words("forms");
        category.quantities = read_quantities(at);
        if (const auto hard = at.find("hard")) category.hard = hard->boolean();
        category.notes = at.text_or_empty("notes");
        for (const auto& earlier : all)
            if (earlier.id == category.id) at.fail("the id '" + category.id + "' is used twice");
        all.push_back(std::move(category));
    }
    return all;
}

/// A label whose relations are still where the file has them.
struct Entry {
    Label label;
    At at;
};

/// The facts of a label, from an object whose members were checked.
Entry read_facts(const At& at) {
    Entry entry{{}, at};
    entry.label.group = at.text_or_empty("group");
    entry.label.meaning = at.text_or_empty("meaning");
    entry.label.aliases = at.words("aliases");
    entry.label.terms = at.words("terms");
    entry.label.instruments = at.words("instruments");
    entry.label.objects = at.words("objects");
    entry.label.quantities = read_quantities(at);
    return entry;
}

void add_cooccurrence(Label& label, LabelId other, std::uint32_t weight) {
    const auto place = std::ranges::lower_bound(label.cooccurs, other, {}, &Cooccurrence::label);
    label.cooccurs.insert(place, {other, weight});
}

/// Everything that `id` entails, however far, ascending. A label that entails itself is an error.
std::vector<LabelId> closure(const std::vector<std::vector<LabelId>>& direct, LabelId id, const Entry& entry) {
    std::vector<LabelId> open = direct[id];
    std::set<LabelId> reached;
    while (!open.empty()) {
        const LabelId next = open.back();
        open.pop_back();
        if (next == id) entry.at.fail("'" + entry.label.code + "' entails itself");
        if (reached.insert(next).second) open.insert(open.end(), direct[next].begin(), direct[next].end());
    }
    return {reached.begin(), reached.end()};
}

/// Resolves codes to labels and checks what concerns the whole. A code in `elsewhere` is left out, any other that is
/// not a label is an error.
Taxonomy link(std::string name, std::vector<Entry> entries, const std::set<std::string>& elsewhere) {
    std::map<std::string, LabelId, std::less<>> ids;
    std::vector<std::string> codes;
    for (const Entry& entry : entries) {
        if (!ids.emplace(entry.label.code, static_cast<LabelId>(ids.size())).second)
            entry.at.fail("the code '" + entry.label.code + "' is used twice");
        codes.push_back(entry.label.code);
    }
    std::set<std::string> names;
    for (const Entry& entry : entries) {
        const std::string& own = entry.label.name;
        const auto same_code = ids.find(own);
        if (!names.insert(own).second || (same_code != ids.end() && same_code->first != entry.label.code))
            entry.at.fail("the name '" + own + "' stands for another label, too");
    }
    const auto resolve = [&](const At& at, const std::string& code, LabelId own) -> std::optional<LabelId> {
        const auto found = ids.find(code);
        if (found == ids.end() && elsewhere.contains(code)) return std::nullopt;
        if (found == ids.end()) {
            const std::string near = nearest(code, codes);
            at.fail("unknown code '" + code + "'" + (near.empty() ? "" : ", did you mean '" + near + "'?"));
        }
        if (found->second == own) at.fail("'" + code + "' refers to itself");
        return found->second;
    };

    Taxonomy taxonomy{std::move(name), {}, {}, {}};
    std::vector<std::vector<LabelId>> direct(entries.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto id = static_cast<LabelId>(i);
        const auto resolve_list = [&](const char* key) {
            std::vector<LabelId> list;
            for (const std::string& code : entries[i].at.words(key))
                if (const auto other = resolve(*entries[i].at.find(key), code, id)) list.push_back(*other);
            std::ranges::sort(list);
            return list;
        };
        Label& label = entries[i].label;
        label.parents = resolve_list("parents");
        label.confusable = resolve_list("confusable");
        direct[i] = resolve_list("entails");
        direct[i].insert(direct[i].end(), label.parents.begin(), label.parents.end());
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto id = static_cast<LabelId>(i);
        entries[i].label.entails = closure(direct, id, entries[i]);
        const auto weights = entries[i].at.find("cooccurs");
        if (!weights) continue;
        for (const auto& [code, at] : weights->members()) {
            const std::uint32_t weight = at.weight();
            const auto other = resolve(at, code, id);
            if (!other) continue;
            const auto& known = entries[i].label.cooccurs;
            const auto same = std::ranges::find(known, *other, &Cooccurrence::label);
            if (same == known.end()) {
                add_cooccurrence(entries[i].label, *other, weight);
                add_cooccurrence(entries[*other].label, id, weight);
            } else if (same->weight != weight) {
                at.fail("the weight differs from the one that '" + code + "' gives, " + std::to_string(same->weight));
            }
        }
    }
    for (Entry& entry : entries) taxonomy.labels.push_back(std::move(entry.label));
    return taxonomy;
}

void set_negative(Taxonomy& taxonomy, const At& root, std::vector<NegativeCategory> categories) {
    const auto at = root.find("negative");
    if (!at) {
        if (!categories.empty()) root.fail("there are negative categories but no 'negative' label");
        return;
    }
    const std::string code = at->text();
    const auto found = std::ranges::find(taxonomy.labels, code, &Label::code);
    if (found == taxonomy.labels.end()) at->fail("'" + code + "' is not the code of a label");
    const auto id = static_cast<LabelId>(found - taxonomy.labels.begin());
    const auto entailed = [&](const Label& label) { return std::ranges::count(label.entails, id) > 0; };
    if (!found->cooccurs.empty() || !found->entails.empty() || std::ranges::any_of(taxonomy.labels, entailed))
        at->fail("'" + code + "' is always alone: it can neither entail, be entailed, nor co-occur");
    if (categories.empty()) at->fail("a negative label needs at least one of 'negative_categories'");
    taxonomy.negative = id;
    taxonomy.negative_categories = std::move(categories);
}

/// Parses strictly: a key that stands twice in one object is an error, not a silent choice.
json parse_strictly(std::string_view text, std::string_view source) {
    std::vector<std::set<std::string>> open;
    const auto watch = [&](int, json::parse_event_t event, json& value) {
        if (event == json::parse_event_t::object_start) open.emplace_back();
        if (event == json::parse_event_t::object_end) open.pop_back();
        if (event == json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second)
            fail(source, {}, "the key '" + value.get<std::string>() + "' stands twice in one object");
        return true;
    };
    try {
        return json::parse(text, watch);
    } catch (const json::exception& broken) {
        const std::string_view what = broken.what();
        const auto text_start = what.find("] ");
        fail(source, {},
             "not valid JSON: " +
                 std::string(text_start == std::string_view::npos ? what : what.substr(text_start + 2)));
    }
}

std::string read_source(const std::filesystem::path& file) {
    auto text = read_file(file);
    if (!text) fail(file.string(), {}, "cannot be read");
    return std::move(*text);
}

/// A built-in taxonomy: labels and spellings here, facts in the files that it names.
Taxonomy read_builtin(const std::filesystem::path& file, const std::filesystem::path& core_data) {
    const std::string source = file.string();
    const json document = parse_strictly(read_source(file), source);
    const At root(document, source);
    root.expect_members({"name", "classes", "negative_categories", "negative", "labels"});

    const std::string classes_source = (core_data / root.get("classes").word()).string();
    const json classes = parse_strictly(read_source(classes_source), classes_source);
    std::map<std::string, At> facts;
    std::set<std::string> known;
    for (auto& [code, at] : At(classes, classes_source).members()) {
        at.expect_members({"group", "meaning", "aliases", "terms", "instruments", "objects", "quantities", "cooccurs",
                           "parents", "entails", "confusable"});
        known.insert(code);
        facts.emplace(code, at);
    }

    std::vector<Entry> entries;
    for (const At& at : root.get("labels").elements()) {
        const std::vector<At> pair = at.elements();
        if (pair.size() != 2) at.fail("must be a pair of code and spelling");
        const std::string code = pair[0].word();
        const auto found = facts.find(code);
        if (found == facts.end()) pair[0].fail("'" + code + "' is not in " + classes_source);
        entries.push_back(read_facts(found->second));
        entries.back().label.code = code;
        entries.back().label.name = pair[1].word();
    }
    Taxonomy taxonomy = link(root.get("name").word(), std::move(entries), known);

    std::vector<NegativeCategory> categories;
    if (const auto at = root.find("negative_categories")) {
        const std::string negatives_source = (core_data / at->word()).string();
        const json negatives = parse_strictly(read_source(negatives_source), negatives_source);
        categories = read_categories(At(negatives, negatives_source));
    }
    set_negative(taxonomy, root, std::move(categories));
    return taxonomy;
}

Taxonomy read_whole(std::string_view text, std::string_view source) {
    const json document = parse_strictly(text, source);
    const At root(document, source);
    root.expect_members({"name", "labels", "negative", "negative_categories"});
    const At list = root.get("labels");
    const std::vector<At> labels = list.elements();
    if (labels.empty()) list.fail("is empty");
    if (labels.size() > kMaxLabels)
        list.fail("has " + std::to_string(labels.size()) + " labels, at most " + std::to_string(kMaxLabels) +
                  " are possible");
    std::vector<Entry> entries;
    for (const At& at : labels) {
        at.expect_members({"code", "name", "group", "meaning", "aliases", "terms", "instruments", "objects",
                           "quantities", "cooccurs", "parents", "entails", "confusable"});
        entries.push_back(read_facts(at));
        entries.back().label.name = at.get("name").word();
        const auto code = at.find("code");
        entries.back().label.code = code ? code->word() : entries.back().label.name;
    }
    Taxonomy taxonomy = link(root.get("name").word(), std::move(entries), {});
    const auto categories = root.find("negative_categories");
    set_negative(taxonomy, root, categories ? read_categories(*categories) : std::vector<NegativeCategory>());
    return taxonomy;
}

template <class T>
void put(ordered_json& object, const char* key, const T& value) {
    if (!value.empty()) object[key] = value;
}

void put_quantities(ordered_json& object, const std::vector<Quantity>& quantities) {
    for (const Quantity& quantity : quantities) {
        ordered_json& out = object["quantities"].emplace_back();
        out["name"] = quantity.name;
        put(out, "unit", quantity.unit);
        put(out, "typical", quantity.typical);
        if (quantity.low) out["low"] = *quantity.low;
        if (quantity.high) out["high"] = *quantity.high;
    }
}

}  // namespace

Result<Taxonomy> load_taxonomy(std::string_view name, const std::filesystem::path& core_data) try {
    const std::vector<std::string> builtin = builtin_taxonomies(core_data);
    if (std::ranges::find(builtin, name) != builtin.end())
        return read_builtin(core_data / (std::string(name) + ".json"), core_data);
    std::error_code ignored;
    if (name.find('/') != std::string_view::npos || name.ends_with(".json") || std::filesystem::exists(name, ignored))
        return read_whole(read_source(name), name);
    std::string message = "unknown taxonomy '" + std::string(name) + "'";
    if (const std::string near = nearest(name, builtin); !near.empty()) message += ", did you mean '" + near + "'?";
    message += "; built-in are";
    for (const std::string& known : builtin) message += (&known == builtin.data() ? " " : ", ") + known;
    return Error{ErrorCode::invalid_argument, message + "; your own is given as the path of its file", "bad_taxonomy"};
} catch (InvalidFile& invalid) {
    return std::move(invalid.error);
}

std::string to_json(const Taxonomy& taxonomy) {
    const auto codes = [&](const std::vector<LabelId>& ids) {
        std::vector<std::string> list;
        for (const LabelId id : ids) list.push_back(taxonomy[id].code);
        return list;
    };
    ordered_json root;
    root["name"] = taxonomy.name;
    for (std::size_t i = 0; i < taxonomy.labels.size(); ++i) {
        const Label& label = taxonomy.labels[i];
        ordered_json& out = root["labels"].emplace_back();
        out["code"] = label.code;
        out["name"] = label.name;
        put(out, "group", label.group);
        put(out, "meaning", label.meaning);
        put(out, "aliases", label.aliases);
        put(out, "terms", label.terms);
        put(out, "instruments", label.instruments);
        put(out, "objects", label.objects);
        put_quantities(out, label.quantities);
        put(out, "parents", codes(label.parents));
        put(out, "entails", codes(label.entails));
        put(out, "confusable", codes(label.confusable));
        for (const Cooccurrence& other : label.cooccurs)
            if (other.label > i) out["cooccurs"][taxonomy[other.label].code] = other.weight;
    }
    if (taxonomy.negative) root["negative"] = taxonomy[*taxonomy.negative].code;
    for (const NegativeCategory& category : taxonomy.negative_categories) {
        ordered_json& out = root["negative_categories"].emplace_back();
        out["id"] = category.id;
        out["name"] = category.name;
        put(out, "meaning", category.meaning);
        put(out, "terms", category.terms);
        put(out, "instruments", category.instruments);
        put(out, "forms", category.forms);
        put_quantities(out, category.quantities);
        if (category.hard) out["hard"] = true;
        put(out, "notes", category.notes);
    }
    return plugins::json_text(root);
}

Result<Taxonomy> parse_taxonomy(std::string_view text, std::string_view source_name) try {
    return read_whole(text, source_name);
} catch (InvalidFile& invalid) {
    return std::move(invalid.error);
}

std::vector<std::string> builtin_taxonomies(const std::filesystem::path& core_data) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(core_data, error))
        if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
    std::ranges::sort(names);
    return names;
}

}  // namespace synth::core
