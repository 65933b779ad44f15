#include "text_template.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "synth/text.hpp"

namespace synth::tdamm {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Place::kCount)> kNames = {
    "angle",      "avoid",   "category",    "date",         "examples",    "few",          "findings",   "form",
    "hard",       "high",    "instruments", "label_count",  "label_words", "labels",       "lead_words", "least_words",
    "lookalikes", "low",     "many",        "meaning",      "name",        "neighbours",   "number",     "objects",
    "one",        "parents", "quantities",  "requirements", "structure",   "target_words", "terms",      "text",
    "typical",    "unit",    "value",       "words"};

std::string_view name_of(Place place) { return kNames[static_cast<std::size_t>(place)]; }

std::string list(std::initializer_list<Place> places) {
    std::string names;
    for (const Place place : places) names.append(names.empty() ? "" : ", ").append(name_of(place));
    return names.empty() ? "none" : names;
}

std::optional<Place> find(std::string_view name, std::initializer_list<Place> allowed) {
    for (const Place place : allowed)
        if (name_of(place) == name) return place;
    return std::nullopt;
}

}  // namespace

Result<TextTemplate> TextTemplate::parse(std::string text, std::initializer_list<Place> allowed,
                                         std::initializer_list<Place> required, std::string_view source) {
    TextTemplate parsed;
    parsed.text_ = std::move(text);
    const std::string_view all = parsed.text_;
    auto& pieces = parsed.pieces_;
    std::vector<std::size_t> open;  // parts that are not closed yet
    const auto error = [&](std::size_t at, const std::string& what) {
        const auto line = 1 + std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), '\n');
        return Error{
            ErrorCode::invalid_argument, std::string(source) + " line " + std::to_string(line) + ": " + what, {}};
    };

    std::size_t at = 0;
    while (at < all.size()) {
        const std::size_t tag = std::min(all.find("{{", at), all.size());
        std::size_t text_end = tag;
        std::size_t next = tag;
        std::optional<Piece> piece;
        if (tag < all.size()) {
            const std::size_t close = all.find("}}", tag);
            if (close == std::string_view::npos) return error(tag, "'{{' without '}}'");
            std::string_view name = all.substr(tag + 2, close - tag - 2);
            next = close + 2;
            const char sign = !name.empty() && (name[0] == '#' || name[0] == '/') ? name[0] : '\0';
            if (sign != '\0') name.remove_prefix(1);
            name = trim(name);
            const auto place = find(name, allowed);
            if (!place)
                return error(tag, "unknown place '{{" + std::string(name) + "}}'; this file may use: " + list(allowed));
            if (sign != '\0') {
                // A sign alone on its line takes the line away with it.
                const std::size_t line = tag == 0 ? 0 : all.rfind('\n', tag - 1) + 1;
                const bool alone = trim(all.substr(line, tag - line)).empty() && line >= at &&
                                   (next == all.size() || all[next] == '\n');
                if (alone) {
                    text_end = line;
                    next = std::min(next + 1, all.size());
                }
            }
            if (sign == '/') {
                if (open.empty() || pieces[open.back()].place != *place)
                    return error(tag, "'{{/" + std::string(name) + "}}' closes nothing");
            } else {
                piece = Piece{sign == '#' ? Kind::part : Kind::value, *place};
            }
        }
        if (text_end > at) pieces.push_back({Kind::text, {}, at, text_end - at});
        if (piece) {
            if (piece->kind == Kind::part) open.push_back(pieces.size());
            pieces.push_back(*piece);
        } else if (tag < all.size()) {
            pieces[open.back()].end = pieces.size();
            open.pop_back();
        }
        at = next;
    }
    if (!open.empty())
        return error(all.size(), "'{{#" + std::string(name_of(pieces[open.back()].place)) + "}}' is not closed");
    for (const Place place : required)
        if (!parsed.has(place)) return error(all.size(), "'{{" + std::string(name_of(place)) + "}}' is missing");
    return parsed;
}

bool TextTemplate::has(Place place) const {
    return std::ranges::any_of(pieces_, [&](const Piece& p) { return p.kind == Kind::value && p.place == place; });
}

std::vector<std::string_view> TextTemplate::texts() const {
    std::vector<std::string_view> all;
    for (const Piece& piece : pieces_)
        if (piece.kind == Kind::text) all.push_back(std::string_view(text_).substr(piece.begin, piece.size));
    return all;
}

void TextTemplate::render(const Values& values, std::string& out) const {
    for (std::size_t i = 0; i < pieces_.size();) {
        const Piece& piece = pieces_[i++];
        switch (piece.kind) {
            case Kind::text: out.append(text_, piece.begin, piece.size); break;
            case Kind::value: out.append(values[piece.place]); break;
            case Kind::part:
                if (values[piece.place].empty()) i = piece.end;
                break;
        }
    }
}

}  // namespace synth::tdamm
