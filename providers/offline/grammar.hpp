// The sentences and the forms of documents, read once from the data folder: a context-free grammar whose leaves are
// literal text and slots for facts, and the layout of each kind of document.

#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace offline {

enum class Slot : std::uint8_t {
    literal,  ///< text of the piece
    symbol,   ///< another symbol of the grammar
    topic,
    term,
    bare_term,
    instrument,
    bare_instrument,
    future,
    object,
    quantity,
    bare_quantity,
    a_quantity,
    value,
    range,
    topic2,
    term2,
    bare_term2,
    instrument2,
    object2,
};

/// What the classes of a sentence have. Terms and topics are always there; `pair`: the document has a second class.
enum Has : std::uint8_t {
    kInstrument = 1,
    kFuture = 2,
    kObject = 4,
    kQuantity = 8,
    kPair = 16,
    kInstrument2 = 32,
    kObject2 = 64,
    kAllFacts = 127,
};

/// For which combinations of `Has` something can be written.
using Usable = std::bitset<kAllFacts + 1>;

struct Piece {
    Slot slot = Slot::literal;
    std::uint32_t symbol = 0;
    std::string text;
};

struct Alternative {
    std::vector<Piece> pieces;
    std::uint8_t needs = 0;  ///< of its own slots
    Usable usable;           ///< symbols in it considered
};

struct Symbol {
    std::string name;
    std::vector<Alternative> alternatives;
    Usable usable;  ///< of any alternative; never empty
};

enum class Style : std::uint8_t { prose, bullets, rows };

struct Section {
    static constexpr std::uint32_t kNoHeading = ~std::uint32_t{0};

    std::uint32_t heading = kNoHeading;
    std::uint32_t share = 0;  ///< of the words, in per cent
    Style style = Style::prose;
    std::uint32_t length = 1;          ///< sentences a paragraph, points a heading
    std::vector<std::uint32_t> roles;  ///< at least one can be written without any facts but terms
};

struct Form {
    std::string name;
    std::uint32_t title = 0;
    std::vector<std::uint32_t> lines;
    std::vector<Section> sections;
};

struct Grammar {
    std::vector<Symbol> symbols;
    std::vector<Form> forms;
    std::vector<std::uint32_t> class_forms;
    std::map<std::string, std::vector<std::uint32_t>, std::less<>> category_forms;

    /// Forms for texts of a negative category.
    [[nodiscard]] const std::vector<std::uint32_t>& forms_of(std::string_view category) const;
};

/// Reads grammar.txt and forms.txt in `folder`. Errors (invalid_argument, io) name the file and the line.
synth::Result<Grammar> read_grammar(const std::filesystem::path& folder);

/// The lines of a data file without comments and blank ones; `take` gets each with its place, "grammar.txt:12", and
/// says what is wrong with it or nothing.
synth::Status read_lines(const std::filesystem::path& file,
                         const std::function<synth::Status(std::string_view line, const std::string& place)>& take);

/// The error for a line of a data file.
synth::Error data_error(const std::string& place, const std::string& what);

}  // namespace offline
