// Files of a folder of prompts: read strictly, so that a mistake in one is said with its file and place.

#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/answer.hpp"
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

/// A value in a JSON file that knows where it stands. The value is borrowed.
class Node {
public:
    Node(const nlohmann::json& value, std::string where) : value_(value), where_(std::move(where)) {}

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
    [[nodiscard]] const nlohmann::json& object() const;

    const nlohmann::json& value_;
    std::string where_;
};

/// A JSON file, and the owner of its values.
class DataFile {
public:
    explicit DataFile(const std::filesystem::path& file);
    ~DataFile();
    DataFile(const DataFile&) = delete;
    DataFile& operator=(const DataFile&) = delete;

    [[nodiscard]] Node root() const { return {*json_, where_}; }

private:
    std::string where_;
    std::unique_ptr<const nlohmann::json> json_;
};

/// answers.json.
AnswerPhrases read_phrases(const std::filesystem::path& file);

}  // namespace synth::prompts
