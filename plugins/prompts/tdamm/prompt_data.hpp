// The data folder: every word of the prompts. Read and checked once; what is wrong names the file and the place.

#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/answer.hpp"
#include "synth/result.hpp"
#include "text_template.hpp"

namespace synth::tdamm {

struct Options {
    std::string dir;  ///< empty: the plugin's own data
    std::uint32_t target_words = 0;
    std::uint32_t lead_words = 0;  ///< within which every label is to show; 0: anywhere
};

/// A kind of document.
struct Form {
    std::string name;                ///< as the model reads it
    std::vector<std::string> codes;  ///< fits only with one of these labels; empty: with all
    std::string system;              ///< the whole system message: guidelines and who writes
    std::string structure;
};

/// Labels that ask the same of a document.
struct Family {
    std::vector<std::string> codes;
    std::string requirement;
};

struct NegativeForm {
    std::string system, structure;  ///< as in Form
    struct Words {
        std::uint32_t low, high;
    };
    std::optional<Words> words;  ///< how long real ones are; else the target
};

struct PromptData {
    TextTemplate document, label, quantity, negative;
    std::map<std::string, TextTemplate, std::less<>> repairs;  ///< by reason, finding code or error code

    std::vector<Form> forms;  ///< at least one fits with all labels
    std::vector<std::string> angles;
    int first_year = 0, last_year = 0;
    struct {
        std::size_t terms = 0, instruments = 0, objects = 0, quantities = 0;
    } draw;  ///< how many facts of each kind a label gets

    std::vector<Family> families;

    std::string negative_name;                                        ///< of a form, for a category without any
    NegativeForm negative_default;                                    ///< for a form that is not in `negative_forms`
    std::map<std::string, NegativeForm, std::less<>> negative_forms;  ///< by name

    prompts::AnswerPhrases phrases;
};

Options parse_options(std::string_view json);
/// `plugin` is the id of the plugin that advice names.
Result<PromptData> load_prompt_data(const std::filesystem::path& dir, std::string_view plugin);

/// One template file; throws prompts::Broken.
TextTemplate read_template(const std::filesystem::path& file, std::initializer_list<Place> allowed,
                           std::initializer_list<Place> required);

}  // namespace synth::tdamm
