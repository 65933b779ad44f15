// Taxonomy files: what can be read can be written, and reads as the same again.

#include "taxonomy/taxonomy_file.hpp"

#include "target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace synth;
    using fuzz::require;
    const auto taxonomy = core::parse_taxonomy(fuzz::as_text(data, size), "input.json");
    if (!taxonomy) {
        require(taxonomy.error().code == ErrorCode::invalid_argument, "the file is what is wrong");
        require(taxonomy.error().message.starts_with("input.json"), "an error names the file",
                taxonomy.error().message);
        return 0;
    }
    const std::size_t labels = taxonomy->labels.size();
    require(labels > 0 && !taxonomy->name.empty(), "a taxonomy has a name and labels");
    require(!taxonomy->negative || *taxonomy->negative < labels, "the negative label is one of them");
    for (std::size_t i = 0; i < labels; ++i) {
        const Label& label = taxonomy->labels[i];
        require(taxonomy->find(label.code) == i && taxonomy->find(label.name) == i, "a label is found", label.code);
        for (const Cooccurrence& other : label.cooccurs)
            require(other.label < labels && other.weight > 0 &&
                        taxonomy->cooccurrence(other.label, static_cast<LabelId>(i)) == other.weight,
                    "labels meet both ways", label.code);
        for (const auto* list : {&label.parents, &label.entails, &label.confusable})
            for (const LabelId other : *list)
                require(other < labels && other != i, "labels refer to others", label.code);
        for (const LabelId parent : label.parents)
            require(std::ranges::find(label.entails, parent) != label.entails.end(), "parents are entailed",
                    label.code);
    }
    const std::string written = core::to_json(*taxonomy);
    const auto again = core::parse_taxonomy(written, "written.json");
    require(again.ok(), "what was written can be read", again ? written : again.error().message);
    require(core::to_json(*again) == written, "what was written reads as the same", written);
    return 0;
}
