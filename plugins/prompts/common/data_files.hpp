// Files of a folder of prompts: read strictly, so that a mistake in one is said with its file and place.

#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/answer.hpp"
#include "common/json_value.hpp"
#include "synth/result.hpp"

namespace synth::prompts {

/// What is wrong with the data. Never leaves a plugin: who loads the folder catches it and adds its own name.
struct Broken {
    std::string message;   ///< place and reason
    bool missing = false;  ///< a file that cannot be read
};
/// With the command that makes a complete folder, when a file is missing. The core puts the name of the plugin in
/// front.
Error error_of(const Broken& broken, std::string_view plugin);
[[noreturn]] void fail(const std::string& where, const std::string& what);

/// The text of a file, with exactly one line end at its end.
std::string read_text(const std::filesystem::path& file);

/// A value in a JSON file that knows where it stands.
class Node {
public:
    Node(plugins::JsonValue value, std::string where) : value_(std::move(value)), where_(std::move(where)) {}

    [[nodiscard]] const std::string& where() const noexcept { return where_; }

    /// The members of an object, each of which must be in `known`.
    const Node& only(std::initializer_list<std::string_view> known) const;
    [[nodiscard]] std::optional<Node> find(const std::string& key) const;
    [[nodiscard]] Node at(const std::string& key) const;
    [[nodiscard]] std::vector<std::pair<std::string, Node>> members() const;
    [[nodiscard]] std::vector<Node> elements() const;  ///< at least one
    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::vector<std::string> texts() const;
    [[nodiscard]] std::uint32_t number(std::uint32_t low, std::uint32_t high) const;
    /// Two numbers, the first not above the second.
    [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> range(std::uint32_t low, std::uint32_t high) const;

private:
    [[nodiscard]] const plugins::JsonValue& object() const;

    plugins::JsonValue value_;
    std::string where_;
};

/// What a JSON file holds.
Node read_json(const std::filesystem::path& file);

/// answers.json.
AnswerPhrases read_phrases(const std::filesystem::path& file);

}  // namespace synth::prompts
