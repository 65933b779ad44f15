#include "grammar.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <utility>

#include "synth/text.hpp"

namespace offline {

using synth::Error;
using synth::ErrorCode;
using synth::Result;
using synth::Status;

namespace {

struct SlotName {
    std::string_view name;
    Slot slot;
    std::uint8_t needs;
};

constexpr std::array kSlots{
    SlotName{"topic", Slot::topic, 0},
    SlotName{"term", Slot::term, 0},
    SlotName{"bare-term", Slot::bare_term, 0},
    SlotName{"instrument", Slot::instrument, kInstrument},
    SlotName{"bare-instrument", Slot::bare_instrument, kInstrument},
    SlotName{"future", Slot::future, kFuture},
    SlotName{"object", Slot::object, kObject},
    SlotName{"quantity", Slot::quantity, kQuantity},
    SlotName{"bare-quantity", Slot::bare_quantity, kQuantity},
    SlotName{"a-quantity", Slot::a_quantity, kQuantity},
    SlotName{"value", Slot::value, kQuantity},
    SlotName{"range", Slot::range, kQuantity},
    SlotName{"topic2", Slot::topic2, kPair},
    SlotName{"term2", Slot::term2, kPair},
    SlotName{"bare-term2", Slot::bare_term2, kPair},
    SlotName{"instrument2", Slot::instrument2, kPair | kInstrument2},
    SlotName{"object2", Slot::object2, kPair | kObject2},
};

using Index = std::map<std::string, std::uint32_t, std::less<>>;

Status split_pieces(std::string_view line, const Index& index, const std::string& place, Alternative& alternative) {
    while (!line.empty()) {
        const std::size_t open = line.find('{');
        if (open != 0) alternative.pieces.push_back({Slot::literal, 0, std::string(line.substr(0, open))});
        if (open == std::string_view::npos) break;
        const std::size_t close = line.find('}', open);
        if (close == std::string_view::npos) return data_error(place, "a { without its }");
        const std::string_view name = line.substr(open + 1, close - open - 1);
        if (const auto* slot = std::ranges::find(kSlots, name, &SlotName::name); slot != kSlots.end()) {
            alternative.pieces.push_back({slot->slot, 0, {}});
            alternative.needs |= slot->needs;
        } else if (const auto symbol = index.find(name); symbol != index.end()) {
            alternative.pieces.push_back({Slot::symbol, symbol->second, {}});
        } else {
            return data_error(place, "there is no symbol or slot '" + std::string(name) + "'");
        }
        line.remove_prefix(close + 1);
    }
    return {};
}

/// Works out what is usable, from the leaves up, until nothing changes.
void find_usable(Grammar& grammar) {
    for (bool changed = true; changed;) {
        changed = false;
        for (auto& symbol : grammar.symbols)
            for (auto& alternative : symbol.alternatives) {
                Usable usable;
                for (std::size_t has = 0; has <= kAllFacts; ++has) usable[has] = (alternative.needs & ~has) == 0;
                for (const auto& piece : alternative.pieces)
                    if (piece.slot == Slot::symbol) usable &= grammar.symbols[piece.symbol].usable;
                changed |= usable != alternative.usable;
                alternative.usable = usable;
                symbol.usable |= usable;
            }
    }
}

Status read_symbols(const std::filesystem::path& file, Grammar& grammar, Index& index) {
    struct Line {
        std::uint32_t symbol;
        std::string text, place;
    };
    std::vector<Line> lines;
    Status read = read_lines(file, [&](std::string_view line, const std::string& place) -> Status {
        if (line.front() == '[' && line.back() == ']') {
            std::string name(line.substr(1, line.size() - 2));
            if (!index.emplace(name, static_cast<std::uint32_t>(grammar.symbols.size())).second)
                return data_error(place, "symbol '" + name + "' is there twice");
            grammar.symbols.push_back({std::move(name), {}, {}});
        } else if (grammar.symbols.empty()) {
            return data_error(place, "text before the first [symbol]");
        } else {
            lines.push_back({static_cast<std::uint32_t>(grammar.symbols.size() - 1), std::string(line), place});
        }
        return {};
    });
    if (!read) return read;
    for (const auto& line : lines) {
        Alternative alternative;
        if (Status split = split_pieces(line.text, index, line.place, alternative); !split) return split;
        grammar.symbols[line.symbol].alternatives.push_back(std::move(alternative));
    }
    find_usable(grammar);
    for (const auto& symbol : grammar.symbols)
        if (symbol.usable.none())
            return data_error(file.filename().string(),
                              "symbol '" + symbol.name + "' has no alternatives, or refers to itself in all of them");
    return {};
}

/// Reads the words of one line of forms.txt.
class FormReader {
public:
    FormReader(Grammar& grammar, const Index& index) : grammar_(grammar), index_(index) {}

    Status take(std::string_view line, const std::string& place) {
        std::istringstream words{std::string(line)};
        std::string keyword;
        words >> keyword;
        if (keyword == "form") return take_form(words, place);
        if (keyword == "classes") return take_names(words, place, grammar_.class_forms);
        if (keyword == "category") {
            std::string category;
            words >> category;
            return take_names(words, place, grammar_.category_forms[category]);
        }
        if (grammar_.forms.empty()) return data_error(place, "'" + keyword + "' before the first form");
        if (keyword == "line") return take_symbols(words, place, grammar_.forms.back().lines);
        if (keyword == "section") return take_section(words, place);
        return data_error(place, "unknown keyword '" + keyword + "'");
    }

private:
    Result<std::uint32_t> symbol(const std::string& name, const std::string& place) const {
        const auto found = index_.find(name);
        if (found == index_.end()) return data_error(place, "there is no symbol '" + name + "'");
        return found->second;
    }

    Status take_symbols(std::istringstream& words, const std::string& place,
                        std::vector<std::uint32_t>& symbols) const {
        for (std::string name; words >> name;) {
            Result<std::uint32_t> found = symbol(name, place);
            if (!found) return std::move(found).error();
            symbols.push_back(*found);
        }
        return symbols.empty() ? Status(data_error(place, "a symbol is missing")) : Status();
    }

    Status take_form(std::istringstream& words, const std::string& place) {
        std::string name, title;
        words >> name >> title;
        Result<std::uint32_t> found = symbol(title, place);
        if (!found) return std::move(found).error();
        grammar_.forms.push_back({std::move(name), *found, {}, {}});
        return {};
    }

    Status take_names(std::istringstream& words, const std::string& place, std::vector<std::uint32_t>& forms) const {
        for (std::string name; words >> name;) {
            const auto form = std::ranges::find(grammar_.forms, name, &Form::name);
            if (form == grammar_.forms.end()) return data_error(place, "there is no form '" + name + "'");
            forms.push_back(static_cast<std::uint32_t>(form - grammar_.forms.begin()));
        }
        return forms.empty() ? Status(data_error(place, "a form is missing")) : Status();
    }

    Status take_section(std::istringstream& words, const std::string& place) {
        Section section;
        std::string heading, style;
        if (!(words >> heading >> section.share >> style >> section.length) || section.length == 0)
            return data_error(place, "a section is HEADING SHARE STYLE LENGTH ROLE ...");
        if (heading != "-") {
            Result<std::uint32_t> found = symbol(heading, place);
            if (!found) return std::move(found).error();
            section.heading = *found;
        }
        if (style == "bullets")
            section.style = Style::bullets;
        else if (style == "rows")
            section.style = Style::rows;
        else if (style != "prose")
            return data_error(place, "unknown style '" + style + "'");
        if (Status roles = take_symbols(words, place, section.roles); !roles) return roles;
        const bool usable = std::ranges::any_of(
            section.roles, [&](std::uint32_t role) { return grammar_.symbols[role].usable.test(0); });
        if (!usable) return data_error(place, "no role can do without instruments, objects and quantities");
        grammar_.forms.back().sections.push_back(std::move(section));
        return {};
    }

    Grammar& grammar_;
    const Index& index_;
};

}  // namespace

Error data_error(const std::string& place, const std::string& what) {
    return {ErrorCode::invalid_argument, "offline texts: " + place + ": " + what, {}};
}

Status read_lines(const std::filesystem::path& file,
                  const std::function<Status(std::string_view line, const std::string& place)>& take) {
    std::ifstream in(file);
    if (!in) return Error{ErrorCode::io, "offline texts: cannot read " + file.string(), {}};
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        const std::string_view text = synth::trim(line);
        if (text.empty() || text.front() == '#') continue;
        if (Status taken = take(text, file.filename().string() + ":" + std::to_string(number)); !taken) return taken;
    }
    return {};
}

const std::vector<std::uint32_t>& Grammar::forms_of(std::string_view category) const {
    const auto found = category_forms.find(category);
    return found != category_forms.end() ? found->second : category_forms.find("*")->second;
}

Result<Grammar> read_grammar(const std::filesystem::path& folder) {
    Grammar grammar;
    Index index;
    if (Status read = read_symbols(folder / "grammar.txt", grammar, index); !read) return std::move(read).error();
    FormReader forms(grammar, index);
    Status read = read_lines(folder / "forms.txt",
                             [&](std::string_view line, const std::string& place) { return forms.take(line, place); });
    if (!read) return std::move(read).error();
    if (grammar.class_forms.empty() || !grammar.category_forms.contains("*"))
        return data_error("forms.txt", "the lines 'classes ...' and 'category * ...' are missing");
    return grammar;
}

}  // namespace offline
