// Reads labelled data sets, document by document, in the formats that they come in: the program's own JSON (an array of
// {"link", "full_text", "labels"}, with metadata or without), JSON Lines, and CSV. Memory does not grow with the file.
//
// Labels are an array of names, or text: one name, several with ';' or '|' between them, or a list in brackets, as
// JSON or as Python prints it. A CSV file without a column of labels has one column a label, named by it, with 1 or 0.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"
#include "synth/taxonomy.hpp"

namespace synth::plugins {

/// Borrowed until the next document is read.
struct LabelledDocument {
    std::uint64_t row = 0;               ///< from 1: of documents, those left out included
    std::string_view link, title, text;  ///< link, url or id; title; full_text or text. Empty: none, or not asked for
    std::vector<LabelId> labels;         ///< as the file has them, each once, at least one; the negative label alone
    std::vector<std::string> unknown;    ///< with `as_it_is`: spellings that the taxonomy does not have
};

struct LabelledDataOptions {
    std::string field = "labels";                       ///< that holds the labels
    enum class Unknown : std::uint8_t { error, skip };  ///< skip: the label is left out
    Unknown unknown = Unknown::error;                   ///< a label that the taxonomy does not have
    enum class Unlabelled : std::uint8_t { error, skip, negative };
    Unlabelled unlabelled = Unlabelled::error;  ///< a document without labels in the file
    bool texts = false;                         ///< link, title and text are wanted
    bool as_it_is = false;  ///< no document is left out or refused for its labels, whatever they are
    bool labels = true;     ///< false: not looked at; documents have none, and need none
};

/// What was left out, and what was understood in another spelling.
struct ReadingNotes {
    std::uint64_t documents = 0;          ///< that were given
    std::uint64_t unknown_labels = 0;     ///< left out
    std::string first_unknown;            ///< "data.csv:12: 'Quarks'"
    std::uint64_t skipped_documents = 0;  ///< without labels, in the file or after unknown ones were left out
    std::vector<std::string> respelled;   ///< "'gamma rays' as 'Gamma rays'": every other spelling once, at most 100

    /// One line for the log: "data.csv: 120 documents, …".
    [[nodiscard]] std::string summary(std::string_view path) const;
};

class LabelledData {
public:
    /// Tells the format by the content. The taxonomy is borrowed. io; malformed, naming file and place.
    static Result<LabelledData> open(const std::string& path, const Taxonomy& taxonomy,
                                     LabelledDataOptions options = {});
    LabelledData(LabelledData&&) noexcept;
    LabelledData& operator=(LabelledData&&) noexcept;
    ~LabelledData();

    /// False at the end. io; malformed for what is not of the format; invalid_argument for labels that are not of the
    /// taxonomy. Each names file and place: the line, in a JSON array the document. After an error nothing can be read.
    Result<bool> next(LabelledDocument& out);

    [[nodiscard]] const ReadingNotes& notes() const noexcept;
    /// Where the document read last stands: "data.csv:12", "data.json, document 12".
    [[nodiscard]] std::string place() const;

private:
    class Impl;
    explicit LabelledData(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Calls `each(const LabelledDocument&)`, which returns a Status, for every document of the rest.
template <class Function>
Status for_each_document(LabelledData& data, Function&& each) {
    LabelledDocument document;
    for (;;) {
        const auto read = data.next(document);
        if (!read) return read.error();
        if (!*read) return {};
        if (Status done = each(document); !done) return done;
    }
}

}  // namespace synth::plugins
